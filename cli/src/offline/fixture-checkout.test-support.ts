import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";

const run = promisify(execFile);

export interface FixtureCheckout extends AsyncDisposable {
  readonly path: string;
}

/**
 * A fixture as a checkout: a plain folder as it stands; one with a folder `main`, as a repository of which that is the branch
 * checked out, with the folders of `branches` and `tags` (names as in an address: `env%2Fprod`) as branches and tags beside it.
 */
export async function openFixture(folder: string): Promise<FixtureCheckout> {
  if (!existsSync(join(folder, "main"))) return { path: folder, [Symbol.asyncDispose]: () => Promise.resolve() };
  const scratch = await createTemporaryDirectory("fixture");
  const git = (...args: readonly string[]) => run("git", [...args], { cwd: scratch.path, env: gitEnv() });
  await git("init", "--quiet", "--initial-branch=main");
  const commit = async (from: string) => {
    await cp(from, scratch.path, { recursive: true });
    await git("add", "--all", "--force");
    await git("commit", "--quiet", "--message", from.slice(folder.length + 1));
  };
  await commit(join(folder, "main"));
  for (const kind of ["branches", "tags"]) {
    const names = await readdir(join(folder, kind)).catch(() => []);
    for (const name of names) {
      await git("checkout", "--quiet", "--orphan", kind === "tags" ? `made-for-${name}` : decodeURIComponent(name));
      await git("rm", "-r", "-f", "--quiet", ".");
      await commit(join(folder, kind, name));
      if (kind === "tags") await git("tag", "--annotate", "--message", name, decodeURIComponent(name));
    }
  }
  await git("checkout", "--quiet", "main");
  return scratch;
}

function gitEnv(): NodeJS.ProcessEnv {
  const name = { GIT_AUTHOR_NAME: "Fixture", GIT_COMMITTER_NAME: "Fixture" };
  const mail = { GIT_AUTHOR_EMAIL: "fixture@example.com", GIT_COMMITTER_EMAIL: "fixture@example.com" };
  return { ...process.env, ...name, ...mail };
}
