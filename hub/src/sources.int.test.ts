import { rename } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import type { Checkout } from "@axle/testkit/checkout.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import type { FetchedSource } from "./source-ports.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\n";

function app(name: string, source: string): string {
  return `apiVersion: axle.dev/v1
kind: App
metadata: { name: ${name} }
spec:
  source: ${source}
  clusters: { all: true }
`;
}

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: default }\ndata: { value: "${value}" }\n`;
}

let loop: TestLoop;
let servers: AsyncDisposableStack;
let given: LoopServers;
let library: { readonly url: string; readonly directory: string; readonly work: Checkout };
let counter = 0;

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  const server = servers.use(await GitServer.start());
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
}, 60_000);

afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  loop = await TestLoop.create(given);
  loop.join("eu-1");
  const repository = await given.server.createRepository(`library-${(counter += 1)}`);
  const work = await repository.clone();
  library = { url: repository.url, directory: repository.directory, work };
  await work.publish({ "deploy/web/config.yaml": configMap("web", "1") }, "first");
  await work.git("tag", "v1.0.0");
  await work.git("push", "--quiet", "origin", "v1.0.0");
}, 60_000);

afterEach(() => loop[Symbol.asyncDispose]());

function publishApp(ref: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const source = `{ git: { url: "${library.url}", ref: ${ref} }, path: deploy/web }`;
  return loop.publish({
    "axle.yaml": FLEET,
    "web/app.yaml": app("web", source),
    "own/app.yaml": app("own", "{ path: ./manifests }"),
    "own/manifests/config.yaml": configMap("own", "1"),
    ...more,
  });
}

/** Commits of other repositories whose trees the mirror keeps. */
async function keptCommits(folder: string): Promise<readonly string[]> {
  const refs = await runGit(join(folder, "mirror.git"), ["for-each-ref", "--format=%(refname)", "refs/axle/kept/git"]);
  return refs.split("\n").map((ref) => ref.split("/").at(-1) ?? "");
}

function messages(): readonly string[] {
  return (loop.state.fleet?.problems ?? []).map(({ message }) => message);
}

function revisionOf(name: string): number | undefined {
  return loop.state.apps.get(name)?.revision;
}

test("a branch of another repository is followed at every poll, and an unchanged one does nothing", async () => {
  await loop.start();
  await publishApp("main");
  expect(messages()).toEqual([]);
  expect(revisionOf("web")).toBe(1);
  await loop.turn();
  const { plans } = loop;
  await loop.turn();
  expect(loop.plans).toBe(plans);
  await library.work.publish({ "deploy/web/config.yaml": configMap("web", "2") }, "second");
  loop.wake.poke("poll", Date.now());
  await eventually(() => revisionOf("web") === 2, { what: "the other repository's commit" });
  expect(revisionOf("own")).toBe(1);
  expect(loop.state.sources.size).toBe(0);
});

test("a tag of another repository is remembered, and needs nobody after that, not even after a restart", async () => {
  await loop.start();
  const commit = await library.work.head();
  await publishApp("v1.0.0");
  expect(Object.fromEntries(loop.state.sources)).toEqual({ [`git ${library.url} v1.0.0`]: `git:${commit}` });
  await rename(library.directory, `${library.directory}.away`);
  await loop.stop();
  loop.rendered.length = 0;
  const before = await loop.stored();
  await loop.start();
  await loop.turn();
  expect(messages()).toEqual([]);
  expect(await loop.stored()).toEqual(before);
  await publishApp("v1.0.0", { "own/manifests/config.yaml": configMap("own", "2") });
  expect(revisionOf("own")).toBe(2);
  expect(loop.state.apps.get("web")?.held).toBeUndefined();
});

test("a version that no file names any more is forgotten after its time, one in use is not, and it is had again when it is named", async () => {
  const hourMs = 3_600_000;
  let nowMs = Date.parse("2026-01-01");
  loop.now = () => nowMs;
  const pass = async (hours: number) => {
    for (let hour = 0; hour < hours; hour += 1) {
      nowMs += hourMs;
      await loop.collect(5 * hourMs, 10 * hourMs);
    }
  };
  const isKept = (tag: string) => {
    const id = library.work.git("rev-parse", `${tag}^{commit}`);
    return id.then((commit) => keptCommits(loop.gitFolder).then((commits) => commits.includes(commit)));
  };
  await loop.start();
  await publishApp("v1.0.0");
  await library.work.publish({ "deploy/web/config.yaml": configMap("web", "2") }, "second");
  await library.work.git("tag", "v2.0.0");
  await library.work.git("push", "--quiet", "origin", "v2.0.0");
  await publishApp("v2.0.0");
  const known = () => [...loop.state.sources.keys()].map((key) => key.split(" ").at(-1) ?? "").sort();
  await pass(4);
  expect([await isKept("v1.0.0"), await isKept("v2.0.0")]).toEqual([true, true]);
  await pass(3);
  expect([await isKept("v1.0.0"), await isKept("v2.0.0")]).toEqual([false, true]);
  expect(known()).toEqual(["v1.0.0", "v2.0.0"]);

  await loop.stop();
  await loop.start();
  await loop.turn();
  await pass(4);
  expect(known()).toEqual(["v2.0.0"]);
  await pass(20);
  expect(known()).toEqual(["v2.0.0"]);
  expect(await isKept("v2.0.0")).toBe(true);
  await publishApp("v1.0.0");
  expect(loop.state.apps.get("web")).toMatchObject({ revision: 3 });
  expect(known()).toEqual(["v1.0.0", "v2.0.0"]);
});

test("S3: a repository that is not there holds the apps that read it, names it, and is tried again without a push", async () => {
  await rename(library.directory, `${library.directory}.away`);
  await loop.start();
  await publishApp("main");
  expect(loop.state.apps.get("web")?.held).toContain(library.url);
  expect(revisionOf("own")).toBe(1);
  expect(messages()).toHaveLength(1);
  await rename(`${library.directory}.away`, library.directory);
  await eventually(
    () => {
      loop.wake.poke("poll", Date.now());
      return revisionOf("web") === 1;
    },
    { what: "the app once its repository is there", intervalMs: 200 },
  );
  expect(messages()).toEqual([]);
});

test("L2: a source that takes its time keeps its own apps waiting and no other", async () => {
  const { promise, resolve } = Promise.withResolvers<FetchedSource>();
  loop.fetchers = { git: { fetch: () => promise } };
  loop.patienceMs = 20;
  await loop.start();
  await publishApp("main");
  expect(revisionOf("own")).toBe(1);
  expect(loop.state.apps.get("web")?.held).toContain("still being fetched");
  // A tree the mirror has: that of the followed branch.
  const tree = await loop.work.git("rev-parse", "HEAD:own");
  resolve({ digest: "git:1", tree });
  await eventually(() => !(loop.state.apps.get("web")?.held ?? "still").includes("still being fetched"), {
    what: "the loop to be woken by the source",
  });
  expect(loop.state.apps.get("web")?.held).toContain("deploy/web");
});

test("a remote base is fetched, mounted and rendered, and moves with its branch", async () => {
  await library.work.publish({ "deploy/web/kustomization.yaml": "resources: [config.yaml]\n" }, "a base");
  await loop.start();
  const resource = `${library.url}//deploy/web?ref=main`;
  await loop.publish({
    "axle.yaml": FLEET,
    "web/app.yaml": app("web", "{ path: ./overlay }"),
    "web/overlay/kustomization.yaml": `resources: ["${resource}"]\nnamePrefix: eu-\n`,
  });
  expect(messages()).toEqual([]);
  expect(revisionOf("web")).toBe(1);
  await library.work.publish({ "deploy/web/config.yaml": configMap("web", "2") }, "second");
  loop.wake.poke("poll", Date.now());
  await eventually(() => revisionOf("web") === 2, { what: "the base's commit" });
});
