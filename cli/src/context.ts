import type { ExitCode } from "./cli-error.ts";

/** What a command may touch of the process it runs in; main.ts makes it from the real one, tests from strings. */
export interface CliContext {
  readonly out: Screen;
  readonly err: Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Undefined when nobody is there to answer: standard input is no terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** All of standard input, to its end. */
  readonly input?: () => Promise<string>;
}

/** Where text goes. */
export interface Screen {
  write(text: string): void;
  /** Columns of the terminal; undefined when it is none: nothing is cut then. */
  readonly width: number | undefined;
  readonly colour: boolean;
}

/** What a command's action returns; undefined is "fine". */
export type CommandResult = Promise<ExitCode | undefined>;
