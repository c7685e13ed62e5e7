import { spawn } from "node:child_process";

/** More than any list of refs or settings takes. */
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

export interface AskGit {
  readonly gitDirectory: string;
  readonly environment: Record<string, string>;
  /** No file written may be larger, which stops a pack without end. */
  readonly maxFileBytes?: number;
}

/** Runs git and gives what it printed. Throws an Error with git's own words; an abort ends the process. */
export async function askGit(args: readonly string[], call: AskGit, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const git = ["git", "--git-dir", call.gitDirectory, ...args];
  // Blocks of 512 bytes: a limit of the process and of all it starts, which git itself has no setting for.
  const limit = call.maxFileBytes === undefined ? "unlimited" : String(Math.ceil(call.maxFileBytes / 512));
  const child = spawn("sh", ["-c", 'ulimit -f "$1" && shift && exec "$@"', "sh", limit, ...git], {
    cwd: call.gitDirectory,
    env: call.environment,
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_OUTPUT_BYTES) child.kill();
    else chunks.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
  child.once("error", reject);
  child.once("close", (code, killed) => {
    if (code === 0) resolve(Buffer.concat(chunks).toString("utf8"));
    else {
      const end = bytes > MAX_OUTPUT_BYTES ? "too much output" : `git ended with ${code ?? killed ?? "a signal"}`;
      reject(new Error(killed === "SIGXFSZ" ? `${stderr}file size limit exceeded` : stderr.trim() || end));
    }
  });
  return promise;
}
