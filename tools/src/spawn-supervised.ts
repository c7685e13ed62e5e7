import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type LogLine, LogRing } from "./log-ring.ts";
import { SupervisedProcessError } from "./supervised-process-error.ts";

/*
 * A process must not outlive who started it, not even when that one is killed with -9 and can tidy up nothing.
 * So the command runs below a shell in a process group of their own, and the shell's other child reads a pipe whose only
 * writing end is ours: when we end, however we end, the pipe closes and the group is killed.
 * The shell waits for the command, so its exit code comes back and nothing stays behind as a zombie. The command runs in the
 * shell's foreground: in the background it would ignore SIGINT. The shell's own stderr is shut, or it would report signals.
 * (Rejected: PR_SET_PDEATHSIG, which only Linux has and Node cannot set; exec of the command in the shell's own place,
 * which leaves the pipe's reader to be reaped by whoever is process 1, and in a container that may be nobody.)
 */
const wrapper = `
command -v "$1" >/dev/null 2>&1 || { echo "$1: no such command" >&2; exit 127; }
trap : HUP INT QUIT TERM
{ read -r _; kill -KILL 0; } <&3 3<&- 4>&- >/dev/null 2>&1 &
watcher=$!
exec 3<&- 5>&2 2>/dev/null
sh -c 'echo $$ >&4; exec "$@" 4>&-' sh "$@" 2>&5 5>&- </dev/null
code=$?
kill -KILL "$watcher"
wait "$watcher"
exit "$code"
`;

/** How a process ended: by itself with a code, or by a signal. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SuperviseOptions {
  /** What messages call it; the command's file name when left out. */
  readonly name?: string;
  readonly cwd?: string;
  /** The whole environment of the process; ours when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How many lines of output are kept. */
  readonly logLines?: number;
  /** Sees every line as it comes. */
  readonly onLine?: (line: LogLine) => void;
  /** Ends the process when it fires, as `stop` does. */
  readonly signal?: AbortSignal;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A server process that dies with us. Dispose stops it; both are idempotent. */
export interface SupervisedProcess extends AsyncDisposable {
  readonly name: string;
  /** Of the command itself, not of the shell around it. */
  readonly pid: number;
  /** Resolves when the process has ended, however; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** How it ended, or undefined while it runs. */
  exit(): ProcessExit | undefined;
  readonly logs: LogRing;
  /** Sends a signal to the command; does nothing once it has ended. */
  kill(signal?: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL to the whole group after `timeoutMs` (default 10 s). */
  stop(options?: { timeoutMs?: number }): Promise<ProcessExit>;
  /**
   * Polls `check` until it says true (a throw counts as "not yet"). Default timeout 30 s.
   * @throws SupervisedProcessError `exited` at once when the process ends first, `not-ready` after the timeout, with its last output
   */
  waitForReady(check: () => Promise<boolean> | boolean, options?: WaitOptions): Promise<void>;
  /** Waits for a line that matches, among those already kept too. Errors as `waitForReady`. */
  waitForLine(pattern: RegExp, options?: WaitOptions): Promise<RegExpExecArray>;
}

/**
 * Starts a command such that it dies when this process dies, even by `kill -9`.
 * @throws SupervisedProcessError `spawn-failed` when it cannot be started
 */
export async function spawnSupervised(
  command: string,
  args: readonly string[],
  options: SuperviseOptions = {},
): Promise<SupervisedProcess> {
  const name = options.name ?? basename(command);
  options.signal?.throwIfAborted();
  const shell = spawn("/bin/sh", ["-c", wrapper, "sh", command, ...args], {
    cwd: options.cwd,
    env: { ...(options.env ?? process.env) },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
  });
  const supervised = new ShellSupervised(name, shell, options);
  await supervised.started();
  return supervised;
}

class ShellSupervised implements SupervisedProcess {
  readonly name: string;
  readonly logs: LogRing;
  readonly exited: Promise<ProcessExit>;
  readonly #shell: ChildProcess;
  readonly #onLine: (line: LogLine) => void;
  readonly #watchers = new Set<() => void>();
  #exit: ProcessExit | undefined;
  #pid = 0;

  constructor(name: string, shell: ChildProcess, options: SuperviseOptions) {
    this.name = name;
    this.#shell = shell;
    this.logs = new LogRing(options.logLines);
    this.#onLine = options.onLine ?? (() => undefined);
    this.#collect("stdout", shell.stdout);
    this.#collect("stderr", shell.stderr);
    // The pipe's end closing is the only word ever said on it; an error on it means that the reader has gone first.
    shell.stdio[3]?.on("error", () => undefined);
    const stopOnAbort = (): void => void this.stop();
    options.signal?.addEventListener("abort", stopOnAbort, { once: true });
    this.exited = new Promise((resolve) => {
      // "close" would wait for every holder of stdout; what the command left behind is killed at its exit instead.
      shell.once("exit", (code, signal) => {
        this.#killGroup();
        shell.stdio[3]?.destroy();
        options.signal?.removeEventListener("abort", stopOnAbort);
        const conclude = async (): Promise<void> => {
          await drained([shell.stdout, shell.stderr]);
          this.#exit = fromShell(code, signal);
          for (const wake of this.#watchers) wake();
          resolve(this.#exit);
        };
        void conclude();
      });
    });
  }

  get pid(): number {
    return this.#pid;
  }

  /** Waits until the shell has told the command's process id. */
  async started(): Promise<void> {
    const shell = this.#shell;
    const text = await new Promise<string>((resolve, reject) => {
      shell.once("error", (cause) => {
        reject(
          new SupervisedProcessError("spawn-failed", `${this.name} could not be started: ${cause.message}`, { cause }),
        );
      });
      let read = "";
      shell.stdio[4]?.on("data", (chunk: Buffer) => {
        read += chunk.toString();
        if (read.endsWith("\n")) resolve(read);
      });
      shell.stdio[4]?.once("close", () => {
        resolve(read);
      });
    });
    this.#pid = Number.parseInt(text, 10);
    if (Number.isInteger(this.#pid)) return;
    throw new SupervisedProcessError("spawn-failed", `${this.name} could not be started`, { tail: this.logs.tail() });
  }

  exit(): ProcessExit | undefined {
    return this.#exit;
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    tryKill(this.#pid, signal);
  }

  async stop(options: { timeoutMs?: number } = {}): Promise<ProcessExit> {
    if (this.#exit !== undefined) return this.#exit;
    this.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.#killGroup();
    }, options.timeoutMs ?? 10_000);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async waitForReady(check: () => Promise<boolean> | boolean, options: WaitOptions = {}): Promise<void> {
    await this.#waitFor("ready", options, async () => ((await check()) ? true : undefined));
  }

  async waitForLine(pattern: RegExp, options: WaitOptions = {}): Promise<RegExpExecArray> {
    return await this.#waitFor(`writing a line like ${String(pattern)}`, options, () => {
      for (const line of this.logs.lines()) {
        const found = pattern.exec(line.text);
        if (found !== null) return found;
      }
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Asks again after each line and at least every 50 ms, until there is an answer, the process ends or time is up. */
  async #waitFor<T>(what: string, options: WaitOptions, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const timeoutMs = options.timeoutMs ?? 30_000;
    const deadline = performance.now() + timeoutMs;
    let last: unknown;
    for (;;) {
      const exit = this.#exit;
      try {
        const answer = await ask();
        if (answer !== undefined) return answer;
      } catch (error) {
        last = error;
      }
      const tail = this.logs.tail();
      if (exit !== undefined) {
        throw new SupervisedProcessError("exited", `${this.name} ended with ${describe(exit)} before ${what}`, {
          tail,
        });
      }
      if (options.signal?.aborted === true) {
        const cause: unknown = options.signal.reason;
        throw new SupervisedProcessError("aborted", `waiting for ${this.name} was called off before ${what}`, {
          cause,
        });
      }
      if (performance.now() >= deadline) {
        const said = last instanceof Error ? ` (${last.message})` : "";
        const message = `${this.name} was not ${what} after ${timeoutMs} ms${said}`;
        throw new SupervisedProcessError("not-ready", message, { cause: last, tail });
      }
      await this.#nextChance(Math.min(50, Math.max(1, deadline - performance.now())));
    }
  }

  async #nextChance(timeoutMs: number): Promise<void> {
    const wait = new AbortController();
    const wake = (): void => {
      wait.abort();
    };
    this.#watchers.add(wake);
    await delay(timeoutMs, undefined, { signal: wait.signal }).catch(() => undefined);
    this.#watchers.delete(wake);
  }

  #collect(stream: LogLine["stream"], source: Readable | null): void {
    source?.setEncoding("utf8");
    source?.on("data", (chunk: string) => {
      const lines = this.logs.push(stream, chunk);
      for (const line of lines) this.#onLine(line);
      if (lines.length > 0) for (const wake of this.#watchers) wake();
    });
    source?.on("error", () => undefined);
  }

  #killGroup(): void {
    if (this.#shell.pid !== undefined) tryKill(-this.#shell.pid, "SIGKILL");
  }
}

/** Waits until the output that was written before the end has been read. */
async function drained(streams: readonly (Readable | null)[]): Promise<void> {
  const closed = streams.map(async (stream) => {
    if (stream === null || stream.closed) return;
    await new Promise<void>((resolve) => {
      stream.once("close", () => {
        resolve();
      });
    });
  });
  await Promise.race([Promise.all(closed), delay(500, undefined, { ref: false })]);
}

/** A shell says "ended by signal n" as code 128+n. */
function fromShell(code: number | null, signal: NodeJS.Signals | null): ProcessExit {
  if (code === null || code <= 128) return { code, signal };
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return found === undefined ? { code, signal } : { code: null, signal: found[0] as NodeJS.Signals };
}

function describe(exit: ProcessExit): string {
  return exit.signal === null ? `code ${exit.code ?? "unknown"}` : exit.signal;
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
