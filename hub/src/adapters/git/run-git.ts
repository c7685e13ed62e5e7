import { spawn } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import { repositoryErrorFrom } from "./repository-error.ts";

export interface GitCommand {
  readonly directory: string;
  readonly environment: Record<string, string>;
  /** Standard output goes there instead of being dropped. */
  readonly output?: FileHandle;
  /** Exit codes that are answers, not failures. */
  readonly answers?: readonly number[];
}

/** Runs git as a plain process and resolves with its exit code. Throws RepositoryError; an abort ends the process. */
export async function runGit(args: readonly string[], command: GitCommand, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn("git", ["--git-dir", command.directory, ...args], {
    cwd: command.directory,
    env: command.environment,
    stdio: ["ignore", command.output?.fd ?? "ignore", "pipe"],
    signal,
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
  child.once("error", reject);
  child.once("close", (code) => {
    if (code !== null && [0, ...(command.answers ?? [])].includes(code)) resolve(code);
    else reject(new Error(stderr.trim() || `git ${args[0] ?? ""} ended with ${code ?? "a signal"}`));
  });
  try {
    return await promise;
  } catch (error) {
    throw repositoryErrorFrom(error, `git ${args[0] ?? ""}`);
  }
}
