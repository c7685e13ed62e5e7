import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { gitEnvironment, runGit } from "./run-git.ts";
import { TestkitError } from "./testkit-error.ts";

/** Files that belong into one commit, as many as anybody likes. */
export type ManyFiles = Iterable<readonly [path: string, content: string]>;

/**
 * Makes a commit of many files on `main` of a bare repository by git's own bulk loader: a working copy of 100,000 files takes
 * minutes, this takes seconds. With `parent` the files of that commit stay. Gives the commit's id.
 * @throws TestkitError `command-failed` with git's message
 */
export async function fastImport(directory: string, files: ManyFiles, parent?: string): Promise<string> {
  const args = ["--git-dir", directory, "fast-import", "--quiet", "--force"];
  const child = spawn("git", args, { env: gitEnvironment(), stdio: ["pipe", "ignore", "pipe"] });
  const [words, [code]] = await Promise.all([
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
    // Where git stops reading, it says why.
    pipeline(Readable.from(commandsOf(files, parent)), child.stdin).catch(() => undefined),
  ]);
  if (code !== 0) throw new TestkitError("command-failed", `git fast-import: ${words.trim()}`);
  return runGit(directory, ["rev-parse", "refs/heads/main"]);
}

function* commandsOf(files: ManyFiles, parent: string | undefined): Generator<string> {
  const from = parent === undefined ? "" : `from ${parent}\n`;
  let commands = `commit refs/heads/main\ncommitter Test <test@axle.example> 1700000000 +0000\ndata 4\nmany\n${from}`;
  for (const [path, content] of files) {
    commands += `M 100644 inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`;
    if (commands.length < 64 * 1024) continue;
    yield commands;
    commands = "";
  }
  yield `${commands}\n`;
}
