import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { Checkout } from "@axle/testkit/checkout.ts";
import { expect, test } from "vitest";
import { CheckoutRepository } from "./checkout-repository.ts";
import { WorkingTree } from "./working-tree.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const wanted = [
  { prefix: "refs/heads/env/", all: true },
  { prefix: "refs/tags/v1", all: false },
];

/** A repository with two branches of environments, cloned twice: `mine` is looked at, with `theirs` others push. */
async function stand() {
  const scratch = await createTemporaryDirectory("checkout-repository");
  const origin = join(scratch.path, "origin.git");
  await run("git", ["init", "--quiet", "--bare", "--initial-branch=main", origin]);
  const theirs = await Checkout.clone(origin, join(scratch.path, "theirs"));
  const first = await theirs.publish({ "axle.yaml": "x" }, "first");
  for (const branch of ["env/dev", "env/prod", "other"]) {
    await theirs.git("push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
  }
  const mine = await Checkout.clone(origin, join(scratch.path, "mine"));
  return { scratch, theirs, mine, first, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

async function refsOf(folder: string): Promise<Record<string, string>> {
  await using tree = await WorkingTree.read(folder, { env: process.env, nowMs: 0 });
  await using repository = await CheckoutRepository.open({ folder, tree, env: process.env });
  return Object.fromEntries((await repository.fetch(undefined, never, wanted)).refs ?? []);
}

test("branches are those that were fetched, without asking anybody", async () => {
  await using at = await stand();
  expect(await refsOf(at.mine.directory)).toEqual({ "refs/heads/env/dev": at.first, "refs/heads/env/prod": at.first });
  await at.theirs.git("checkout", "--quiet", "-b", "env/dev");
  await at.theirs.publish({ a: "1" }, "next");
  expect((await refsOf(at.mine.directory))["refs/heads/env/dev"]).toBe(at.first);
});

test("a local branch counts where it goes on from there, and not where it is behind", async () => {
  await using at = await stand();
  const { mine, theirs } = at;
  await mine.git("branch", "--quiet", "env/prod", "origin/env/prod");
  await theirs.git("checkout", "--quiet", "-b", "env/prod");
  const pushed = await theirs.publish({ a: "1" }, "next");
  await mine.git("fetch", "--quiet");
  expect((await refsOf(mine.directory))["refs/heads/env/prod"]).toBe(pushed);
  await mine.git("checkout", "--quiet", "-B", "env/dev", "origin/env/dev");
  await mine.write({ b: "2" });
  const local = await mine.commit("not pushed yet");
  expect((await refsOf(mine.directory))["refs/heads/env/dev"]).toBe(local);
});

test("tags are the commits they name, and a commit of the checkout can be read", async () => {
  await using at = await stand();
  const { mine, first } = at;
  await mine.git("tag", "--annotate", "--message", "one", "v1");
  expect((await refsOf(mine.directory))["refs/tags/v1"]).toBe(first);
  await using tree = await WorkingTree.read(mine.directory, { env: process.env, nowMs: 0 });
  const options = { folder: mine.directory, tree, env: process.env };
  await using repository = await CheckoutRepository.open(options);
  expect(await repository.commitOf(first, never)).toMatchObject({ commit: first, subject: "first" });
  await expect(repository.commitOf("0".repeat(40), never)).rejects.toThrow(/not in this checkout; fetch it with git/);
});

test("a folder that is no checkout has no branches", async () => {
  await using scratch = await createTemporaryDirectory("no-checkout");
  await mkdir(join(scratch.path, "a"));
  expect(await refsOf(scratch.path)).toEqual({});
});
