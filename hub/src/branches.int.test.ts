import { rm, symlink } from "node:fs/promises";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

const AXLE = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec:
  layout:
    - path: apps/{app}
      branch: env/{env}
      clusters: { matchLabels: { env: "{env}" } }
    - path: base/{app}
      clusters: { all: true }
`;

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: default }\ndata: { value: "${value}" }\n`;
}

let loop: TestLoop;
let servers: AsyncDisposableStack;
let given: LoopServers;

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  const server = servers.use(await GitServer.start());
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
}, 60_000);

afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  loop = await TestLoop.create(given);
  for (const name of ["staging-1", "prod-1"]) loop.join(name, { env: name.slice(0, -2) });
}, 60_000);

afterEach(() => loop[Symbol.asyncDispose]());

/** Pushes a commit with these files alone to a branch, from where the branch is; `main` stays checked out. */
async function pushTo(branch: string, files: Readonly<Record<string, string | null>>): Promise<string> {
  const { work } = loop;
  const known = await work.git("rev-parse", "--verify", "--quiet", `refs/heads/${branch}`).catch(() => "");
  if (known === "") await work.git("checkout", "--quiet", "--orphan", branch);
  else await work.git("checkout", "--quiet", branch);
  if (known === "") await work.git("rm", "-rf", "--quiet", "--ignore-unmatch", ".");
  await work.write(files);
  const commit = await work.commit(`next of ${branch}`);
  await work.git("push", "--quiet", "--force", "origin", branch);
  await work.git("checkout", "--quiet", "main");
  return commit;
}

/** As somebody who begins a branch anew. */
async function rewrite(branch: string, files: Readonly<Record<string, string>>): Promise<string> {
  await loop.work.git("branch", "-D", "--quiet", branch);
  return pushTo(branch, files);
}

async function begin(files: Readonly<Record<string, string>> = {}): Promise<void> {
  await loop.start();
  await loop.work.publish({ "axle.yaml": AXLE, ...files }, "first");
  await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 1") });
  await pushTo("env/prod", { "apps/web/config.yaml": configMap("web", "prod 1") });
  loop.wake.poke("poll", Date.now());
  await eventually(() => Object.keys(loop.slices()).length === 2 && refsInForce().length === 2, { what: "two slices" });
}

function refsInForce(): readonly string[] {
  return Object.keys(loop.state.fleet?.refs ?? {});
}

/** Waits until a branch's commit is in force. */
async function atBranch(branch: string, commit: string): Promise<void> {
  loop.wake.poke("hook", Date.now());
  const accepted = () => loop.state.fleet?.refs?.[`refs/heads/${branch}`]?.accepted;
  await eventually(() => accepted() === commit, { what: `${branch} at ${commit.slice(0, 7)}` });
}

function messages(): readonly string[] {
  return errors().map(({ message }) => message);
}

function errors() {
  return (loop.state.fleet?.problems ?? []).filter(({ severity }) => severity === "error");
}

test("a push to the branch of an environment reaches the clusters of that environment alone, in its own name", async () => {
  await begin();
  const before = loop.slices();
  const main = loop.state.fleet?.accepted;
  // A poke from before the push would be the first word of it.
  await loop.turn();
  const pushedAtMs = Date.now();
  const commit = await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 2") });
  await atBranch("env/staging", commit);
  expect(loop.slices()).toEqual({ ...before, "staging-1": (before["staging-1"] ?? 0) + 1 });
  expect(loop.state.fleet?.accepted).toBe(main);
  const record = loop.state.apps.get("web");
  expect(record?.targets["id-of-staging-1"]?.commit).toBe(commit);
  expect(record?.targets["id-of-prod-1"]?.commit).not.toBe(commit);
  const [newest] = loop.state.fleet?.commits ?? [];
  expect(newest).toMatchObject({ commit, ref: "branch env/staging", subject: "next of env/staging" });
  expect(newest?.steps["seen"]).toBeGreaterThanOrEqual(pushedAtMs);
  expect(Object.keys(loop.desk.publishedBy(commit))).toEqual(["id-of-staging-1"]);
});

test("L4: with branches, too, an unchanged poll and a restart do nothing", async () => {
  await begin({ "base/tools/config.yaml": configMap("tools", "1") });
  await loop.turn();
  const { plans } = loop;
  const before = await loop.stored();
  await loop.turn();
  expect(loop.plans).toBe(plans);
  await loop.stop();
  loop.rendered.length = 0;
  await loop.start();
  await loop.turn();
  expect(loop.rendered).toEqual([]);
  expect(await loop.stored()).toEqual(before);
});

test("a push to main moves what main has, and leaves the branches' apps as they are", async () => {
  await begin({ "base/tools/config.yaml": configMap("tools", "1") });
  const web = loop.state.apps.get("web");
  const commit = await loop.publish({ "base/tools/config.yaml": configMap("tools", "2") });
  expect(loop.state.apps.get("tools")).toMatchObject({ commit, revision: 2 });
  expect(loop.state.apps.get("web")).toEqual(web);
});

test("a branch that comes later brings its apps with it", async () => {
  await begin();
  loop.join("qa-1", { env: "qa" });
  const commit = await pushTo("env/qa", { "apps/web/config.yaml": configMap("web", "qa") });
  await atBranch("env/qa", commit);
  expect(loop.state.apps.get("web")?.targets["id-of-qa-1"]?.commit).toBe(commit);
});

test("S3: a branch that was rewritten stays where it was until a person allows it, and main moves on", async () => {
  await begin();
  const kept = loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted;
  const before = loop.slices();
  const other = await rewrite("env/prod", { "apps/web/config.yaml": configMap("web", "rewritten") });
  await loop.turn();
  expect(loop.slices()).toEqual(before);
  const held = loop.state.fleet?.refs?.["refs/heads/env/prod"];
  expect(held).toEqual({ head: other, accepted: kept });
  expect(messages().join()).toContain(`branch env/prod was rewritten: ${other.slice(0, 12)} does not descend from`);
  await loop.publish({ "base/tools/config.yaml": configMap("tools", "1") });
  expect(loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted).toBe(kept);
  await loop.stop();
  await loop.start();
  await loop.turn();
  expect(loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted).toBe(kept);
  await expect(loop.desk.allowRewrite({ commit: kept ?? "", actor: "me" }, AbortSignal.timeout(5_000))).rejects.toThrow(
    /no rewritten branch/,
  );
  await loop.desk.allowRewrite({ commit: other.slice(0, 12), actor: "me" }, AbortSignal.timeout(5_000));
  await atBranch("env/prod", other);
  expect(messages()).toEqual([]);
  expect(loop.state.fleet?.refs?.["refs/heads/env/prod"]).toEqual({ head: other, accepted: other });
});

test("S3: a branch whose commit in force is nowhere any more deletes nothing, and can be allowed", async () => {
  await begin();
  const kept = loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted ?? "";
  const before = loop.slices();
  await loop.stop();
  const other = await rewrite("env/prod", { "apps/web/config.yaml": configMap("web", "rewritten") });
  await rm(loop.gitFolder, { recursive: true });
  await loop.pruneOrigin();
  await loop.start();
  await eventually(() => messages().join().includes("was rewritten"), { what: "the message" });
  expect(messages().join()).toContain(`the commit ${kept.slice(0, 12)} of the repository cannot be had`);
  expect(loop.slices()).toEqual(before);
  expect(loop.state.apps.get("web")?.targets["id-of-prod-1"]).toBeDefined();
  expect(loop.state.fleet?.refs?.["refs/heads/env/prod"]).toEqual({ head: other, accepted: kept });
  await loop.desk.allowRewrite({ commit: other, actor: "me" }, AbortSignal.timeout(5_000));
  await atBranch("env/prod", other);
  expect(messages()).toEqual([]);
});

test("S3: a layout's tag that is not there yet deletes nothing, and the fleet goes on when it is pushed", async () => {
  const layout = (tag: string) =>
    AXLE.replace(/spec:[^]*/, `spec:\n  layout: [{ path: "apps/{app}", ref: ${tag}, clusters: { all: true } }]\n`);
  await loop.start();
  const { work } = loop;
  const first = await work.publish(
    { "axle.yaml": layout("v1.0.0"), "apps/web/config.yaml": configMap("web", "1") },
    "first",
  );
  await loop.at(first, "");
  expect(messages().join()).toContain("ref v1.0.0 is not in the repository; push it, or name another");
  await work.git("tag", "v1.0.0");
  await work.git("push", "--quiet", "origin", "v1.0.0");
  loop.wake.poke("poll", Date.now());
  await eventually(() => Object.keys(loop.slices()).length === 2 && loop.state.apps.has("web"), { what: "the app" });
  const before = loop.slices();
  const web = loop.state.apps.get("web");

  const second = await work.publish(
    { "axle.yaml": layout("v2.0.0"), "apps/web/config.yaml": configMap("web", "2") },
    "second",
  );
  await loop.at(second, first);
  await loop.turn();
  expect(errors()).toMatchObject([{ code: "source", place: { file: "axle.yaml", line: 5 } }]);
  expect(messages().join()).toMatch(
    /^ref v2\.0\.0 is not in the repository; push it, or name another\..*stays where it is$/,
  );
  expect(loop.slices()).toEqual(before);
  expect(loop.state.apps.get("web")).toEqual(web);
  expect(refsInForce()).toEqual(["v1.0.0"]);
  // What is in force is what a cluster that joins meanwhile gets.
  loop.join("late", { env: "prod" });
  await eventually(() => loop.slices()["late"] === 1, { what: "a slice for the cluster that joined" });
  expect(loop.state.apps.get("web")?.targets["id-of-late"]).toBeDefined();
  expect(loop.state.fleet?.accepted).toBe(first);
  expect(messages().join()).toContain("stays where it is");

  await work.git("tag", "v2.0.0");
  await work.git("push", "--quiet", "origin", "v2.0.0");
  await loop.at(second);
  expect(messages()).toEqual([]);
  expect(loop.state.apps.get("web")?.targets["id-of-prod-1"]?.commit).toBe(second);
  expect(loop.state.apps.get("web")?.deletionHolds).toEqual({});
  expect(refsInForce()).toEqual(["v2.0.0"]);
});

test("S4: a branch that is deleted takes its apps away like a folder, and a large deletion waits", async () => {
  await begin();
  await loop.work.git("push", "--quiet", "origin", "--delete", "env/staging");
  loop.wake.poke("poll", Date.now());
  await eventually(() => loop.state.apps.get("web")?.deletionHolds["id-of-staging-1"] !== undefined, {
    what: "the deletion to wait",
  });
  await eventually(() => refsInForce().join() === "refs/heads/env/prod", { what: "the record without the branch" });
  expect(loop.state.apps.get("web")?.targets["id-of-prod-1"]).toBeDefined();
});

test("a branch that axle.yaml names by its name and that is deleted stays where it was, and is said to be gone", async () => {
  await begin();
  await loop.publish({ "axle.yaml": AXLE.replace("env/{env}", "env/staging").replaceAll("{env}", "staging") });
  const before = loop.slices();
  await loop.work.git("push", "--quiet", "origin", "--delete", "env/staging");
  loop.wake.poke("poll", Date.now());
  await eventually(() => messages().join().includes("branch env/staging is not in the repository any more"), {
    what: "the message",
  });
  expect(loop.slices()).toEqual(before);
  expect(loop.state.apps.get("web")?.targets["id-of-staging-1"]).toBeDefined();
  expect(errors()[0]).toMatchObject({ code: "ref-held", place: { file: "axle.yaml", line: 6 } });
});

test("a branch with a link that leaves it stays where it was, and nothing else is held up", async () => {
  await begin();
  const kept = loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted;
  const { work } = loop;
  await work.git("checkout", "--quiet", "env/prod");
  await work.git("config", "core.symlinks", "true");
  await symlink("../../../../../etc/passwd", `${work.directory}/apps/web/secret.yaml`);
  await work.commit("a link");
  await work.git("push", "--quiet", "origin", "env/prod");
  await work.git("checkout", "--quiet", "main");
  const commit = await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 2") });
  await atBranch("env/staging", commit);
  expect(loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted).toBe(kept);
  expect(messages().join()).toMatch(/branch env\/prod cannot be used: .*leaves the source/);
  expect(loop.state.apps.get("web")?.targets["id-of-prod-1"]).toBeDefined();
});

test("S3: a branch with a large file that cannot be had stays where it was, until it is mended", async () => {
  await begin();
  const kept = loop.state.fleet?.refs?.["refs/heads/env/prod"]?.accepted;
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize ${20 * 1024 ** 2}\n`;
  const large = await pushTo("env/prod", {
    ".gitattributes": "*.big.yaml filter=lfs diff=lfs merge=lfs -text\n",
    "apps/web/config.big.yaml": pointer,
  });
  const main = await loop.publish({ "base/tools/config.yaml": configMap("tools", "1") });
  expect(loop.state.apps.get("tools")).toMatchObject({ commit: main, revision: 1 });
  expect(loop.state.fleet?.refs?.["refs/heads/env/prod"]).toEqual({ head: large, accepted: kept });
  expect(errors()).toMatchObject([{ code: "ref-held", place: { file: "axle.yaml", line: 6 } }]);
  expect(messages().join()).toMatch(
    /branch env\/prod cannot be used: .*config\.big\.yaml.*Its apps stay where they are/,
  );
  expect(loop.state.apps.get("web")?.held).toBeUndefined();
  expect(loop.state.apps.get("web")?.targets["id-of-prod-1"]?.commit).toBe(kept);
  const mended = await pushTo("env/prod", { "apps/web/config.big.yaml": null });
  await atBranch("env/prod", mended);
  expect(messages()).toEqual([]);
});

test("an App takes its folder from a tag, and an override from a branch; a tag that moves is not followed", async () => {
  await loop.start();
  const app = `apiVersion: axle.dev/v1
kind: App
metadata: { name: web }
spec:
  source: { path: ./manifests, ref: v1.0.0 }
  clusters: { all: true }
  overrides: [{ clusters: { matchLabels: { env: staging } }, ref: next }]
`;
  const { work } = loop;
  await work.publish({ "web/manifests/config.yaml": configMap("web", "tagged") }, "tagged");
  await work.git("tag", "--annotate", "--message", "one", "v1.0.0");
  await work.git("push", "--quiet", "origin", "v1.0.0");
  await work.publish({ "web/manifests/config.yaml": configMap("web", "next") }, "next");
  await work.git("push", "--quiet", "origin", "HEAD:refs/heads/next");
  const tagged = await work.git("rev-parse", "v1.0.0^{commit}");
  await loop.publish({
    "axle.yaml": "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\n",
    "web/app.yaml": app,
    "web/manifests/config.yaml": configMap("web", "main"),
  });
  expect(messages()).toEqual([]);
  expect(loop.state.fleet?.refs?.["v1.0.0"]).toEqual({ head: tagged, accepted: tagged });
  expect(new Set(loop.rendered)).toEqual(
    new Set([".axle/sources/ref/v1.0.0/web/manifests", ".axle/sources/ref/next/web/manifests"]),
  );
  await work.git("tag", "--force", "--message", "two", "v1.0.0", "HEAD");
  await work.git("push", "--quiet", "--force", "origin", "v1.0.0");
  await loop.turn();
  expect(loop.state.fleet?.refs?.["v1.0.0"]?.accepted).toBe(tagged);
  expect(messages().join()).toMatch(/ref v1\.0\.0 was moved to .* say so with `axle approve --rewrite/);
});

test("a ref that is not there holds the App that names it, and no other", async () => {
  await begin({
    "web/app.yaml":
      "apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: api }\nspec:\n  source: { path: ., ref: v9 }\n  clusters: { all: true }\n",
  });
  expect(loop.state.apps.get("api")?.held).toContain("ref v9 is not in the repository; push it, or name another");
  expect(loop.state.apps.get("web")?.held).toBeUndefined();
  expect(Object.keys(loop.state.apps.get("web")?.targets ?? {})).toHaveLength(2);
  expect(messages()).toEqual(["ref v9 is not in the repository; push it, or name another"]);
});

test("with the repository away the branches stay as they are, also for a cluster that joins", async () => {
  await begin();
  await loop.stop();
  await loop.loseOrigin();
  await loop.start();
  loop.join("prod-2", { env: "prod" });
  await eventually(() => loop.slices()["prod-2"] === 1, { what: "a slice for the cluster that joined" });
  expect(loop.state.apps.get("web")?.targets["id-of-prod-2"]).toBeDefined();
  expect(messages()).toEqual([]);
});
