import { rm } from "node:fs/promises";
import { join } from "node:path";
import { runGit } from "@axle/testkit/run-git.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { GitRepository } from "./git-repository.ts";
import { type FollowingHub, PrivateFleets, TOKEN } from "./private-fleets.ts";

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const KEEP_MS = 10 * HOUR_MS;
let fleets: PrivateFleets;

beforeAll(async () => {
  fleets = await PrivateFleets.start();
}, 60_000);

afterAll(() => fleets[Symbol.asyncDispose]());

beforeEach(() => {
  fleets.servers.accepted.clear();
  fleets.servers.accepted.add(TOKEN);
  fleets.nowMs = Date.parse("2026-01-01");
});

/** A hub that prunes at once what it dropped, on the data of another where that is given. */
function collecting(hub: FollowingHub, directory = hub.directory): Promise<GitRepository> {
  return fleets.another(hub, { directory, pruneGraceMs: 0, now: () => fleets.nowMs });
}

/** Looks as often as the hub does until so much time has passed; gives how much was dropped. */
async function passTime(repository: GitRepository, commit: string, ms: number): Promise<number> {
  let dropped = 0;
  for (const end = fleets.nowMs + ms; fleets.nowMs < end;) {
    fleets.nowMs += HOUR_MS;
    dropped += await repository.collect({ commit, others: [] }, KEEP_MS, never);
  }
  return dropped;
}

async function has(hub: FollowingHub, oid: string): Promise<boolean> {
  return runGit(join(hub.directory, "mirror.git"), ["cat-file", "-e", oid]).then(
    () => true,
    () => false,
  );
}

function keep(repository: GitRepository, name: string): Promise<string> {
  const content = Buffer.from(`of ${name}`);
  return repository.trees.keep(`sha256:${name}`, [{ path: "Chart.yaml", executable: false, content }], never);
}

function over(commit: string, repository: GitRepository, tree: string) {
  const mounts = new Map([[".axle/sources/chart/x", tree]]);
  const replaced = new Map([["rewritten.yaml", `of ${tree}\n`]]);
  return repository.snapshot(commit, never, { mounts, replaced });
}

test("a tree nobody uses goes after its time with its disk, one in use stays, and what is used again begins anew", async () => {
  await using hub = await fleets.follow();
  await using repository = await collecting(hub);
  const commit = await hub.fleet.work.publish({ "axle.yaml": "", "rewritten.yaml": "x\n" }, "one");
  await repository.fetch(undefined, never);
  const [used, again, unused] = [
    await keep(repository, "used"),
    await keep(repository, "again"),
    await keep(repository, "unused"),
  ];
  const snapshot = await over(commit, repository, used);
  expect(await passTime(repository, commit, KEEP_MS)).toBe(0);
  expect(await repository.trees.find("sha256:again", never)).toBe(again);
  expect(await passTime(repository, commit, 2 * HOUR_MS)).toBe(1);
  expect(await Promise.all([used, again, unused].map((tree) => has(hub, tree)))).toEqual([true, true, false]);
  expect(await repository.trees.find("sha256:unused", never)).toBeUndefined();
  // What was rewritten leads from nowhere else, and is read from the mirror.
  expect(await over(commit, repository, used)).toBe(snapshot);
  const rewritten = snapshot.files.get("rewritten.yaml")?.oid ?? "";
  expect(await has(hub, rewritten)).toBe(true);
  expect(await has(hub, snapshot.folders.get(".axle/sources") ?? "")).toBe(true);
  expect(await keep(repository, "unused")).toBe(unused);
});

test("a restart neither begins the count anew nor lets the time count in which the hub was away", async () => {
  await using hub = await fleets.follow();
  const commit = await hub.fleet.work.publish({ "axle.yaml": "" }, "one");
  {
    await using repository = await collecting(hub);
    await repository.fetch(undefined, never);
    await keep(repository, "unused");
    await repository.snapshot(commit, never);
    await passTime(repository, commit, KEEP_MS - 4 * HOUR_MS);
  }
  fleets.nowMs += 1_000 * HOUR_MS;
  await using repository = await collecting(hub);
  // Before anything was read nobody knows what is in use.
  expect(await passTime(repository, commit, KEEP_MS)).toBe(0);
  await repository.snapshot(commit, never);
  expect(await passTime(repository, commit, HOUR_MS)).toBe(0);
  expect(await passTime(repository, commit, 4 * HOUR_MS)).toBe(1);
});

test("while another commit than the one in force is read, nothing is dropped", async () => {
  await using hub = await fleets.follow();
  await using repository = await collecting(hub);
  await hub.fleet.work.publish({ "axle.yaml": "" }, "one");
  const head = await hub.fleet.work.publish({ "axle.yaml": "# next" }, "two");
  await repository.fetch(undefined, never);
  await keep(repository, "unused");
  await repository.snapshot(head, never);
  expect(await passTime(repository, "0".repeat(40), 3 * KEEP_MS)).toBe(0);
  expect(await repository.trees.find("sha256:unused", never)).toBeDefined();
});

test("S3: commits in force outlive a branch that was rewritten, and go when they are not in force any more", async () => {
  await using hub = await fleets.follow();
  await using repository = await collecting(hub);
  const { work } = hub.fleet;
  const root = await work.publish({ "axle.yaml": "" }, "one");
  const accepted = await work.publish({ "axle.yaml": "# two" }, "two");
  await repository.fetch(undefined, never);
  await repository.snapshot(accepted, never);
  await work.git("reset", "--quiet", "--hard", root);
  const head = await work.commit("rewritten");
  await work.git("push", "--quiet", "--force", "origin", "HEAD:main");
  await repository.fetch(accepted, never);
  await keep(repository, "unused");
  expect(await passTime(repository, accepted, KEEP_MS + 2 * HOUR_MS)).toBe(1);
  expect((await repository.snapshot(accepted, never)).commit).toBe(accepted);
  await repository.snapshot(head, never);
  await keep(repository, "unused");
  expect(await passTime(repository, head, KEEP_MS + 2 * HOUR_MS)).toBe(1);
  expect(await has(hub, accepted)).toBe(false);
});

test("submodules, large files and sources in use are there for good, also over a restart with no server left", async () => {
  await using hub = await fleets.follow();
  const { servers } = fleets;
  const [lib, inner, other] = [await fleets.serve("lib"), await fleets.serve("inner"), await fleets.serve("other")];
  const pointer = servers.lfs.store(`large ${fleets.counter}`);
  const large = { ".gitattributes": "*.big filter=lfs\n", "a.big": pointer };
  await inner.work.publish({ "deep.yaml": "a: 1\n", ...large }, "inner");
  await lib.work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.directory, "inner");
  await lib.work.git("config", "--file", ".gitmodules", "submodule.inner.url", `../${inner.name}.git`);
  await lib.work.publish({ "a.yaml": "a: 1\n" }, "lib");
  await other.work.publish({ "b.yaml": "b: 1\n", ...large }, "other");
  const { work } = hub.fleet;
  await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
  await work.git("config", "--file", ".gitmodules", "submodule.lib.url", `../${lib.name}.git`);
  const commit = await work.publish({ "axle.yaml": "", ...large }, "fleet");
  const request = { type: "git", url: other.url, ref: "main" } as const;
  let pinned: string | undefined;
  const read = async (repository: GitRepository) => {
    const { tree, digest } = await repository.sources.fetch(request, pinned, never);
    pinned = digest;
    const snapshot = await over(commit, repository, tree);
    expect(snapshot.missing?.size).toBe(0);
    const paths = ["a.big", "lib/inner/a.big", "lib/inner/deep.yaml", ".axle/sources/chart/x/a.big"];
    expect([...(await snapshot.readTexts(paths, never)).values()]).toHaveLength(4);
  };
  for (let round = 0; round < 2; round += 1) {
    await using repository = await collecting(hub);
    if (round === 0) await repository.fetch(undefined, never);
    else servers.accepted.clear();
    await read(repository);
    const name = `unused${round}`;
    await keep(repository, name);
    await passTime(repository, commit, 2 * KEEP_MS);
    expect(await repository.trees.find(`sha256:${name}`, never)).toBeUndefined();
    await read(repository);
  }
  await rm(hub.directory, { recursive: true });
});
