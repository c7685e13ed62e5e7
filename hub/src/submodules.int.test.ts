import { rename } from "node:fs/promises";
import type { Checkout } from "@axle/testkit/checkout.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer, type GitRepository } from "@axle/testkit/git-server.ts";
import { LfsServer } from "@axle/testkit/lfs-server.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

const AXLE = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec:
  layout:
    - path: teams/{app}/deploy
      clusters: { all: true }
`;

function app(name: string, path: string): string {
  return `apiVersion: axle.dev/v1
kind: App
metadata: { name: ${name} }
spec:
  source: { path: ${path} }
  namespace: ${name}
  clusters: { all: true }
`;
}

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: default }\ndata: { value: "${value}" }\n`;
}

let loop: TestLoop;
let servers: AsyncDisposableStack;
let given: LoopServers;
let lfs: LfsServer;
let counter = 0;
let nowMs = 0;

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  lfs = new LfsServer();
  const server = servers.use(await GitServer.start({ routes: [lfs.route] }));
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
}, 60_000);

afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  lfs.beforeDownload = () => undefined;
  loop = await TestLoop.create(given);
  loop.now = () => nowMs;
  loop.join("one");
}, 60_000);

afterEach(() => loop[Symbol.asyncDispose]());

async function serveLibrary(
  files: Readonly<Record<string, string>>,
): Promise<GitRepository & { readonly work: Checkout }> {
  counter += 1;
  const repository = await given.server.createRepository(`library-${counter}`);
  const work = await repository.clone();
  await work.publish(files, "library");
  return { ...repository, work };
}

async function addSubmodule(library: GitRepository, path: string): Promise<void> {
  await loop.work.git("submodule", "--quiet", "add", library.url, path);
  await loop.work.git("config", "--file", ".gitmodules", `submodule.${path}.url`, `../${library.name}.git`);
}

/** Lets the working copy's submodule be at the newest commit of its repository. */
async function follow(path: string): Promise<void> {
  await loop.work.git("-C", path, "pull", "--quiet", "origin", "main");
}

function valueOf(name: string): { readonly held: string | undefined; readonly revision: number | undefined } {
  const record = loop.state.apps.get(name);
  return { held: record?.held, revision: record?.revision };
}

test("S3: a submodule that is away holds the app that reads it, deletes nothing, and the app moves on when it is back", async () => {
  const library = await serveLibrary({
    "deploy/config.yaml": configMap("library", "1"),
    "app.yaml": app("stranger", "./deploy"),
  });
  await loop.start();
  await addSubmodule(library, "vendor/library");
  await loop.publish({
    "axle.yaml": AXLE,
    "apps/library.app.yaml": app("library", "../vendor/library/deploy"),
    "apps/web/app.yaml": app("web", "./manifests"),
    "apps/web/manifests/config.yaml": configMap("web", "1"),
  });
  // What somebody else's repository calls an app is none of ours.
  expect([...loop.state.apps.keys()].sort()).toEqual(["library", "web"]);
  expect(valueOf("library")).toEqual({ held: undefined, revision: 1 });

  await library.work.publish({ "deploy/config.yaml": configMap("library", "2") }, "next");
  await follow("vendor/library");
  await rename(library.directory, `${library.directory}.away`);
  await loop.publish({ "apps/web/manifests/config.yaml": configMap("web", "2") });
  expect(valueOf("web")).toEqual({ held: undefined, revision: 2 });
  expect(valueOf("library")).toMatchObject({
    revision: 1,
    held: expect.stringMatching(/the submodule "vendor\/library"/) as unknown,
  });

  await rename(`${library.directory}.away`, library.directory);
  nowMs += 10_000;
  loop.wake.poke("poll", 0);
  await eventually(() => valueOf("library").revision === 2, { what: "the app at its new commit" });
  expect(valueOf("library").held).toBeUndefined();
});

test("S3: a submodule that a layout finds apps in and that is away leaves the fleet where it is", async () => {
  const library = await serveLibrary({ "deploy/config.yaml": configMap("library", "1") });
  await loop.start();
  await addSubmodule(library, "teams/library");
  const first = await loop.publish({ "axle.yaml": AXLE });
  expect([...loop.state.apps.keys()]).toEqual(["library"]);
  const { one } = loop.slices();

  await library.work.publish({ "deploy/config.yaml": configMap("library", "2") }, "next");
  await follow("teams/library");
  await rename(library.directory, `${library.directory}.away`);
  const second = await loop.work.publish(
    { "apps/web/app.yaml": app("web", "./manifests"), "apps/web/manifests/c.yaml": configMap("web", "1") },
    "next",
  );
  await loop.at(second, first);
  expect(loop.state.fleet?.problems.filter(({ severity }) => severity === "error")).toMatchObject([
    {
      severity: "error",
      message: expect.stringMatching(/the submodule "teams\/library".*the fleet stays where it is/) as unknown,
    },
  ]);
  expect([...loop.state.apps.keys()]).toEqual(["library"]);
  expect(loop.slices()["one"]).toBe(one);
  loop.join("late");
  await eventually(() => loop.slices()["late"] === 1, { what: "a slice of the commit in force" });
  expect(valueOf("library").revision).toBe(1);

  await rename(`${library.directory}.away`, library.directory);
  nowMs += 10_000;
  await loop.at(second);
  expect([...loop.state.apps.keys()].sort()).toEqual(["library", "web"]);
  expect(valueOf("library").revision).toBe(2);
});

test("L1, S3: a large file that takes long holds the app that reads it and no other, and the app moves on when it is there", async () => {
  const gate = Promise.withResolvers<void>();
  const pointer = lfs.store(configMap("big", "slow"));
  lfs.beforeDownload = (oid) => (pointer.includes(oid) ? gate.promise : undefined);
  loop.partsPatienceMs = 20;
  await loop.start();
  const attributes = "*.big.yaml filter=lfs diff=lfs merge=lfs -text\n";
  await loop.publish({
    "axle.yaml": AXLE,
    ".gitattributes": attributes,
    "apps/big/app.yaml": app("big", "./manifests"),
    "apps/big/manifests/config.big.yaml": pointer,
    "apps/web/app.yaml": app("web", "./manifests"),
    "apps/web/manifests/config.yaml": configMap("web", "1"),
  });
  expect(valueOf("web")).toEqual({ held: undefined, revision: 1 });
  expect(valueOf("big")).toMatchObject({ revision: 0, held: expect.stringMatching(/still being fetched/) as unknown });
  await loop.publish({ "apps/web/manifests/config.yaml": configMap("web", "2") });
  expect(valueOf("web").revision).toBe(2);

  // Nobody says a word but the download: the clock stands still, and nothing is pushed.
  gate.resolve();
  await eventually(() => valueOf("big").revision === 1, { what: "the app with its large file" });
  expect(valueOf("big").held).toBeUndefined();
});

test("S3: a file of the fleet's own that is a large file and not there yet leaves the fleet where it is", async () => {
  await loop.start();
  const first = await loop.publish({
    "axle.yaml": AXLE,
    "apps/web/app.yaml": app("web", "./manifests"),
    "apps/web/manifests/config.yaml": configMap("web", "1"),
  });
  const gate = Promise.withResolvers<void>();
  const pointer = lfs.store(app("web", "./manifests"));
  lfs.beforeDownload = (oid) => (pointer.includes(oid) ? gate.promise : undefined);
  await loop.stop();
  loop.partsPatienceMs = 20;
  await loop.start();
  const files = { ".gitattributes": "app.yaml filter=lfs\n", "apps/web/app.yaml": pointer };
  const second = await loop.work.publish(
    { ...files, "apps/web/manifests/config.yaml": configMap("web", "2") },
    "large",
  );
  await loop.at(second, first);
  const errors = loop.state.fleet?.problems.filter(({ severity }) => severity === "error");
  expect(errors).toMatchObject([
    { place: { file: "apps/web/app.yaml" }, message: expect.stringMatching(/the fleet stays where it is/) as unknown },
  ]);
  expect(valueOf("web").revision).toBe(1);
  gate.resolve();
  await eventually(() => loop.state.fleet?.accepted === second, { what: "the commit in force" });
  expect(valueOf("web")).toEqual({ held: undefined, revision: 2 });
});

test("S3: a large file that nobody serves holds the app that reads it, and no other", async () => {
  const pointer = lfs.store(configMap("big", "1"));
  const absent = lfs.store(configMap("big", "2"));
  lfs.replace(absent, undefined);
  await loop.start();
  const files = {
    "axle.yaml": AXLE,
    ".gitattributes": "*.big.yaml filter=lfs diff=lfs merge=lfs -text\n",
    "apps/big/app.yaml": app("big", "./manifests"),
    "apps/big/manifests/config.big.yaml": pointer,
    "apps/web/app.yaml": app("web", "./manifests"),
    "apps/web/manifests/config.yaml": configMap("web", "1"),
  };
  await loop.publish(files);
  expect(valueOf("big")).toEqual({ held: undefined, revision: 1 });
  await loop.publish({
    "apps/big/manifests/config.big.yaml": absent,
    "apps/web/manifests/config.yaml": configMap("web", "2"),
  });
  expect(valueOf("web")).toEqual({ held: undefined, revision: 2 });
  expect(valueOf("big")).toMatchObject({
    revision: 1,
    held: expect.stringMatching(/does not have the large file/) as unknown,
  });
});
