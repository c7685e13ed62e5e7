import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runGit } from "./run-git.ts";

/** File contents by path; null removes the file or folder. */
export type FileChanges = Readonly<Record<string, string | null>>;

/** A working copy on disk, driven by the real `git`. */
export class Checkout {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Clones `url` into `directory`. */
  static async clone(url: string, directory: string): Promise<Checkout> {
    await mkdir(directory, { recursive: true });
    await runGit(directory, ["clone", "--quiet", url, "."]);
    return new Checkout(directory);
  }

  /** Runs any git command here and gives what it printed. */
  async git(...args: readonly string[]): Promise<string> {
    return await runGit(this.directory, args);
  }

  async write(changes: FileChanges): Promise<void> {
    for (const [path, content] of Object.entries(changes)) {
      const file = join(this.directory, path);
      if (content === null) {
        await rm(file, { recursive: true, force: true });
      } else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      }
    }
  }

  /** Commits everything that differs, or an empty commit when nothing does. Gives the commit's id. */
  async commit(message: string): Promise<string> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return await this.head();
  }

  /** Pushes the current branch. Resolves when the server has taken it. */
  async push(...args: readonly string[]): Promise<void> {
    await this.git("push", "--quiet", ...args, "origin", "HEAD");
  }

  /** Writes, commits and pushes in one go. Gives the commit's id. */
  async publish(changes: FileChanges, message: string): Promise<string> {
    await this.write(changes);
    const commit = await this.commit(message);
    await this.push();
    return commit;
  }

  /** Makes the commit that undoes `commit`. Gives the new commit's id. */
  async revert(commit = "HEAD"): Promise<string> {
    await this.git("revert", "--no-edit", commit);
    return await this.head();
  }

  async head(): Promise<string> {
    return await this.git("rev-parse", "HEAD");
  }
}
