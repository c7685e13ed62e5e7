import { GitServer } from "@axle/testkit/git-server.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import type { WantedRef } from "@axle/core/fleet/source-requests.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GitRepository } from "./git-repository.ts";

const never = new AbortController().signal;
let server: GitServer;
let scratch: TemporaryDirectory;
let counter = 0;

beforeAll(async () => {
  server = await GitServer.start();
  scratch = await createTemporaryDirectory("repository-refs");
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

async function fixture() {
  counter += 1;
  const origin = await server.createRepository(`refs-${counter}`);
  const work = await origin.clone();
  const directory = `${scratch.path}/${counter}`;
  const repository = new GitRepository({ url: origin.url, directory, environment: process.env });
  const main = await work.publish({ a: "1" }, "one");
  const refs = async (...wanted: readonly WantedRef[]) =>
    Object.fromEntries((await repository.fetch(undefined, never, wanted)).refs ?? []);
  const dispose = (): Promise<void> => repository[Symbol.asyncDispose]();
  return { work, main, repository, refs, [Symbol.asyncDispose]: dispose };
}

const all = (prefix: string): WantedRef => ({ prefix, all: true });
const one = (prefix: string): WantedRef => ({ prefix, all: false });

describe("refs that are wanted beside the branch", () => {
  test("come with the same fetch: those that are there, tags as the commit they name", async () => {
    await using fleet = await fixture();
    const { work, main } = fleet;
    await work.git("tag", "--annotate", "--message", "one", "v1");
    await work.git("tag", "light");
    for (const branch of ["env/staging", "env/staging-2", "env/prod", "environment", "other"]) {
      await work.git("branch", branch);
    }
    await work.git("push", "--quiet", "--all", "origin");
    await work.git("push", "--quiet", "--tags", "origin");
    expect(await fleet.refs()).toEqual({});
    expect(await fleet.refs(all("refs/heads/env/"), one("refs/tags/v1"), one("refs/tags/light"))).toEqual({
      "refs/heads/env/prod": main,
      "refs/heads/env/staging": main,
      "refs/heads/env/staging-2": main,
      "refs/tags/light": main,
      "refs/tags/v1": main,
    });
    expect(await fleet.refs(one("refs/heads/env/staging"))).toEqual({ "refs/heads/env/staging": main });
  });

  test("may be missing, come, be rewritten, go, and give way to a folder of their name", async () => {
    await using fleet = await fixture();
    const { work, main } = fleet;
    const wanted = [all("refs/heads/env"), one("refs/tags/none")];
    expect(await fleet.refs(...wanted)).toEqual({});
    await work.git("push", "--quiet", "origin", "HEAD:refs/heads/env");
    expect(await fleet.refs(...wanted)).toEqual({ "refs/heads/env": main });
    const other = await work.git("commit-tree", "HEAD^{tree}", "-m", "begun anew");
    await work.git("push", "--quiet", "--force", "origin", `${other}:refs/heads/env`);
    expect(await fleet.refs(...wanted)).toEqual({ "refs/heads/env": other });
    await work.git("push", "--quiet", "origin", ":refs/heads/env", "HEAD:refs/heads/env/prod");
    expect(await fleet.refs(...wanted)).toEqual({ "refs/heads/env/prod": main });
    expect((await fleet.repository.fetch(main, never, wanted)).head).toBe(main);
  });
});

describe("a commit by its id", () => {
  test("is had from the mirror, or asked for where no branch leads to it", async () => {
    await using fleet = await fixture();
    const { work, main } = fleet;
    await fleet.refs();
    const tree = await work.git("rev-parse", "HEAD^{tree}");
    expect(await fleet.repository.commitOf(main, never)).toMatchObject({ commit: main, tree, subject: "one" });
    const lone = await work.git("commit-tree", "HEAD^{tree}", "-m", "nobody's");
    await work.git("push", "--quiet", "origin", `${lone}:refs/hidden/lone`);
    expect(await fleet.repository.commitOf(lone, never)).toMatchObject({ commit: lone, subject: "nobody's" });
    expect(await fleet.repository.descends(main, main, never)).toBe(true);
    expect(await fleet.repository.descends(lone, main, never)).toBe(false);
  });

  test("that nobody has is a SourceError that says so", async () => {
    await using fleet = await fixture();
    await fleet.refs();
    const failed = fleet.repository.commitOf("0123456789".repeat(4), never);
    await expect(failed).rejects.toMatchObject({ name: "SourceError", code: "not-found" });
    await expect(failed).rejects.toThrow(/the commit 012345678901 of the repository cannot be had/);
  });
});
