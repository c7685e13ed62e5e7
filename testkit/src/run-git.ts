import { execFile } from "node:child_process";
import { TestkitError } from "./testkit-error.ts";

/**
 * The environment git runs in: nothing of the machine's or the person's configuration, so a test sees the same everywhere.
 */
export function gitEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  return {
    PATH: env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: "axle-test",
    GIT_AUTHOR_EMAIL: "test@axle.example",
    GIT_COMMITTER_NAME: "axle-test",
    GIT_COMMITTER_EMAIL: "test@axle.example",
  };
}

/** Runs git and gives what it printed, without the last line break. @throws TestkitError `command-failed` with its message */
export async function runGit(directory: string, args: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(
      "git",
      [...args],
      { cwd: directory, env: gitEnvironment(), maxBuffer: 64 << 20 },
      (cause, stdout, stderr) => {
        if (cause === null) resolve(stdout.replace(/\n$/, ""));
        else
          reject(
            new TestkitError("command-failed", `git ${args.join(" ")}: ${stderr.trim() || cause.message}`, { cause }),
          );
      },
    );
  });
}
