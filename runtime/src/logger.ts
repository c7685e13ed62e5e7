import { pino } from "pino";
import { describeError } from "./describe-error.ts";
import { formatLogLine } from "./log-line.ts";

/** A constant lower-case message with fields beside it: `log.info({ cluster }, "slice published")`. */
export interface LogMethod {
  (fields: object, message: string): void;
  (message: string): void;
}

/** What code logs to. Injected; `child` adds fields to every line (`cluster`, `app`, `component`). */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `auto`: one line for people on a terminal, JSON otherwise. */
export const LOG_FORMATS = ["auto", "text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LoggerOptions {
  /** Where lines go, e.g. `process.stderr`. */
  readonly destination: { write(line: string): unknown; readonly isTTY?: boolean };
  readonly level?: LogLevel;
  readonly format?: LogFormat;
  /** Fields of every line. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** The process's logger. Written synchronously: the last line before a crash is there. */
export function createLogger(options: LoggerOptions): Logger {
  const { destination, level = "info", format = "auto", fields = {} } = options;
  const isText = format === "text" || (format === "auto" && destination.isTTY === true);
  const isColoured = isText && destination.isTTY === true;
  const stream = isText
    ? { write: (line: string) => destination.write(formatLogLine(line, isColoured)) }
    : { write: (line: string) => destination.write(line) };
  return pino(
    {
      level,
      base: fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError },
    },
    stream,
  );
}

/** Says nothing: for tests, and where a caller gives no logger. */
export const silentLogger: Logger = pino({ level: "silent" });

/** With its causes in the message, and never more than its known fields: an error may carry a whole request. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  return { type: error.name, message: describeError(error), ...code, stack: error.stack };
}
