import { spawn } from "node:child_process";
import { kill as killProcess } from "node:process";
import { RenderError } from "./render-error.ts";

export interface LimitedCommand {
  /** For messages. */
  readonly name: string;
  readonly commandLine: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly timeoutMs: number;
  readonly outputBytes: number;
}

const STDERR_CHARACTERS = 64 * 1024;

/**
 * Runs a process and gives what it printed. Past a limit, or when the signal says so, its whole process group is
 * killed. Throws RenderError `timeout`, `too-large`, `tool`, or `renderer` with its stderr.
 */
export function runLimited(command: LimitedCommand, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { name, timeoutMs, outputBytes } = command;
  const [program, ...args] = command.commandLine;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: command.env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const kill = (reason: Error): void => {
    reject(reason);
    if (child.pid !== undefined) killGroup(child.pid);
  };
  const output: Buffer[] = [];
  let size = 0;
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= outputBytes) output.push(chunk);
    else
      kill(new RenderError("too-large", `renders to more than ${outputBytes / 1024 ** 2} MiB of YAML; split the app`));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < STDERR_CHARACTERS) stderr += chunk.toString();
  });
  const timer = setTimeout(
    () => kill(new RenderError("timeout", `does not finish rendering within ${timeoutMs / 1000} s; look for a loop`)),
    timeoutMs,
  );
  const abort = (): void => kill(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  const settle = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  };
  child.once("error", (cause) => {
    settle();
    reject(new RenderError("tool", `cannot run ${name}: ${cause.message}`, { cause }));
  });
  child.once("close", (code, ended) => {
    settle();
    if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
    else reject(failure(name, stderr, code ?? ended ?? "an error"));
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(command.stdin);
  return promise;
}

function killGroup(leader: number): void {
  try {
    killProcess(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function failure(name: string, stderr: string, how: number | string): RenderError {
  if (/out of memory|cannot allocate memory|failed to reserve/.test(stderr)) {
    return new RenderError(
      "too-large",
      "needs more memory to render than the limit; look for a loop, or split the app",
    );
  }
  if (/^(unshare|sh|\/bin\/sh): /m.test(stderr)) return new RenderError("tool", `cannot run ${name}: ${stderr.trim()}`);
  return new RenderError("renderer", stderr.trim() || `${name} ended with ${how}`);
}
