import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import { RenderError } from "./adapters/render/render-error.ts";
import { UNHEARD } from "./sessions/apply-report.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

const FLEET = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec: {}
`;

function app(name: string, clusters: string): string {
  return `apiVersion: axle.dev/v1
kind: App
metadata: { name: ${name} }
spec:
  source: { path: ./manifests }
  namespace: ${name}
  clusters: ${clusters}
`;
}

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;
}

/** `web` goes to prod alone, `base` everywhere. */
const FIRST = {
  "axle.yaml": FLEET,
  "apps/base/app.yaml": app("base", "{ all: true }"),
  "apps/base/manifests/config.yaml": configMap("base", "1"),
  "apps/web/app.yaml": app("web", "{ matchLabels: { env: prod } }"),
  "apps/web/manifests/config.yaml": configMap("web", "1"),
};

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
  loop.join("dev", { env: "dev" });
  loop.join("prod", { env: "prod" });
}, 60_000);

afterEach(() => loop[Symbol.asyncDispose]());

/** As an agent would say that the newest slice stands, with these apps. */
function reports(cluster: string, apps: readonly string[], pendingHash?: string): void {
  const id = `id-of-${cluster}`;
  const number = loop.state.slices.get(id)?.number;
  const report = (name: string) => ({
    app: name,
    revision: 1,
    commit: "c",
    sync: "Applied" as const,
    message: "",
    health: "Healthy" as const,
    healthMessage: "",
    objects: 1,
    drifts: [],
    pruning: [],
    ...(pendingHash === undefined ? {} : { pendingDeletion: { hash: pendingHash, reason: "large", objects: [] } }),
  });
  const status = { ...UNHEARD, online: true, accepted: number, applied: number };
  loop.statuses.set(id, { ...status, apps: Object.fromEntries(apps.map((name) => [name, report(name)])) });
  loop.wake.poke("status", Date.now());
}

test("a commit for one app publishes to the clusters of that app alone", async () => {
  await loop.start();
  await loop.publish(FIRST);
  expect(loop.slices()).toEqual({ dev: 1, prod: 1 });
  loop.rendered.length = 0;
  await loop.publish({ "apps/web/manifests/config.yaml": configMap("web", "2") });
  expect(loop.slices()).toEqual({ dev: 1, prod: 2 });
  expect(loop.rendered).toEqual(["apps/web/manifests"]);
  const [newest, first] = loop.state.fleet?.commits ?? [];
  expect(Object.keys(loop.desk.publishedBy(newest?.commit ?? ""))).toEqual(["id-of-prod"]);
  expect(Object.keys(loop.desk.publishedBy(first?.commit ?? ""))).toEqual(["id-of-dev", "id-of-prod"]);
});

test("L4: a restart with nothing changed renders nothing and writes nothing", async () => {
  await loop.start();
  await loop.publish(FIRST);
  const before = await loop.stored();
  await loop.stop();
  loop.rendered.length = 0;
  await loop.start();
  await loop.turn();
  expect(loop.rendered).toEqual([]);
  expect(await loop.stored()).toEqual(before);
  expect(loop.desk.clusters().map(({ name }) => name)).toEqual(["dev", "prod"]);
});

test("L4: looking again at an unchanged repository plans nothing", async () => {
  await loop.start();
  await loop.publish(FIRST);
  await loop.turn();
  const { plans } = loop;
  await loop.turn();
  await loop.turn();
  expect(loop.plans).toBe(plans);
  loop.join("late", { env: "dev" });
  await eventually(() => loop.slices()["late"] === 1, { what: "a slice for the cluster that joined" });
});

test("S3: a commit that does not parse changes nothing, and clusters that join meanwhile get the one in force", async () => {
  await loop.start();
  const good = await loop.publish(FIRST);
  const bad = await loop.work.publish({ "apps/web/app.yaml": `${app("web", "[")}` }, "broken");
  await loop.at(bad, good);
  expect(loop.slices()).toEqual({ dev: 1, prod: 1 });
  expect(loop.state.fleet?.problems[0]).toMatchObject({ code: "syntax", place: { file: "apps/web/app.yaml" } });
  loop.join("late", { env: "prod" });
  await eventually(() => loop.slices()["late"] === 1, { what: "a slice for the cluster that joined" });
  // The times of a commit are written after its slices.
  await eventually(() => "id-of-late" in loop.desk.publishedBy(good), { what: "the slice among those of its commit" });
  expect(Object.keys(loop.desk.publishedBy(bad))).toEqual([]);
  await loop.turn();
  const { plans } = loop;
  await loop.turn();
  expect(loop.plans).toBe(plans);
});

test("S3: a link to nowhere in the place of an App file refuses the commit, for its app must not look deleted", async () => {
  await loop.start();
  const good = await loop.publish(FIRST);
  const { work } = loop;
  await rm(join(work.directory, "apps/web/app.yaml"));
  await symlink("../gone.yaml", join(work.directory, "apps/web/app.yaml"));
  const bad = await work.commit("a link");
  await work.push();
  await loop.at(bad, good);
  expect(loop.state.fleet?.problems[0]).toMatchObject({ code: "syntax", place: { file: "apps/web/app.yaml" } });
  expect([...loop.state.apps.keys()]).toContain("web");
});

test("S3: an app that does not render stays where it is with the file named, and the others move on", async () => {
  await loop.start();
  await loop.publish(FIRST);
  await loop.publish({
    "apps/web/manifests/config.yaml": "kind: ConfigMap\nmetadata: { name: web }\n",
    "apps/base/manifests/config.yaml": configMap("base", "2"),
  });
  expect(loop.state.apps.get("web")).toMatchObject({ revision: 1, held: expect.stringContaining("apiVersion") });
  expect(loop.state.apps.get("base")).toMatchObject({ revision: 2 });
  expect(loop.state.fleet?.problems[0]?.place?.file).toBe("apps/web/manifests/config.yaml");
});

test("a render that fails of something that passes is tried again without a push", async () => {
  let failures = 2;
  loop.beforeRender = (path) => {
    if (path !== "apps/web/manifests" || failures === 0) return;
    failures -= 1;
    throw new RenderError("timeout", "took too long");
  };
  await loop.start();
  await loop.publish(FIRST);
  await eventually(() => loop.state.apps.get("web")?.held === undefined && loop.state.apps.get("web")?.revision === 1, {
    what: "web rendered after all",
  });
  await eventually(() => loop.state.fleet?.problems.length === 0, { what: "no problem any more" });
});

test("S4: an app taken from all its clusters waits, and an approval lets that set pass, once", async () => {
  await loop.start();
  await loop.publish(FIRST);
  reports("dev", ["base"]);
  reports("prod", ["base", "web"]);
  await loop.publish({ "apps/web": null });
  expect(loop.state.apps.get("web")).toMatchObject({
    targets: {},
    deletionHolds: { "id-of-prod": expect.any(String) },
  });
  const held = loop.slices()["prod"] ?? 0;
  expect(held).toBe(2);

  reports("prod", ["base", "web"], "hash-1");
  const order = { clusterId: "id-of-prod", app: "web", hash: "hash-1", expiresAtMs: Date.now() + 60_000, actor: "me" };
  await loop.desk.approve(order, AbortSignal.timeout(5_000));
  await eventually(() => loop.slices()["prod"] === held + 1, { what: "a slice with the approval" });

  reports("prod", ["base"]);
  await eventually(() => !loop.state.apps.has("web") && !loop.state.approvals.has("id-of-prod"), {
    what: "hold and approval over",
  });
  await loop.turn();
  const after = loop.slices();
  await loop.turn();
  expect(loop.slices()).toEqual(after);
  expect(await loop.stored()).not.toHaveProperty("axle.approvals.id-of-prod");
});

test("S7: a loop whose lease was taken stores nothing more and ends", async () => {
  await loop.start();
  await loop.publish(FIRST);
  const before = await loop.stored();
  await loop.fleet.lead(loop.connection);
  const ended = loop.ended();
  await loop.work.publish({ "apps/base/manifests/config.yaml": configMap("base", "2") }, "next");
  loop.wake.poke("hook", Date.now());
  await ended;
  const slices = Object.entries(await loop.stored()).filter(([subject]) => /slice|fleet|app/.test(subject));
  expect(Object.fromEntries(slices)).toEqual(
    Object.fromEntries(Object.entries(before).filter(([subject]) => /slice|fleet|app/.test(subject))),
  );
});

test.each([
  ["before slices are stored", "before", "slice"],
  ["after slices are stored", "after", "slice"],
  ["before the fleet's record is stored", "before", "fleet"],
  ["after the fleet's record is stored", "after", "fleet"],
] as const)("S10: a crash %s is made good by the next start", async (_when, fault, type) => {
  await loop.start();
  await loop.publish(FIRST);
  let isCrashed = false;
  loop.faultAt = (entries) => {
    if (isCrashed) return "before";
    isCrashed = entries.some((entry) => entry.type === type);
    return isCrashed ? fault : undefined;
  };
  const next = await loop.work.publish({ "apps/base/manifests/config.yaml": configMap("base", "2") }, "next");
  loop.wake.poke("hook", Date.now());
  await eventually(() => isCrashed, { what: "the crash" });
  await loop.stop();
  loop.faultAt = () => undefined;
  await loop.start();
  await loop.at(next);
  expect(loop.slices()).toEqual({ dev: 2, prod: 2 });
  expect(loop.state.apps.get("base")).toMatchObject({ revision: 2, commit: next });
});

test("S1: a number that may be out there is never given to other content", async () => {
  await loop.start();
  await loop.publish(FIRST);
  loop.written.length = 0;
  let pushed: Promise<string> | undefined;
  loop.faultAt = (entries) => {
    if (pushed !== undefined || !entries.some((entry) => entry.type === "slice")) return undefined;
    // The next try of the loop finds another commit.
    pushed = loop.work.publish({ "apps/base/manifests/config.yaml": configMap("base", "3") }, "third");
    return "after";
  };
  await loop.work.publish({ "apps/base/manifests/config.yaml": configMap("base", "2") }, "second");
  loop.wake.poke("hook", Date.now());
  await eventually(() => pushed !== undefined, { what: "the lost answer" });
  await loop.at((await pushed) ?? "");
  const numbers = new Map<string, string>();
  for (const entry of loop.written) {
    if (entry.type !== "slice") continue;
    const key = `${entry.envelope.cluster} ${entry.envelope.number.n}`;
    expect(numbers.get(key) ?? entry.content).toBe(entry.content);
    numbers.set(key, entry.content);
  }
  expect(loop.slices()).toEqual({ dev: 3, prod: 3 });
});

test("commits pushed while the hub is away become one slice, of the newest", async () => {
  await loop.start();
  await loop.publish(FIRST);
  await loop.stop();
  await loop.work.publish({ "apps/base/manifests/config.yaml": configMap("base", "2") }, "second");
  const third = await loop.work.publish({ "apps/base/manifests/config.yaml": configMap("base", "3") }, "third");
  await loop.start();
  await loop.at(third);
  expect(loop.slices()).toEqual({ dev: 2, prod: 2 });
});

test("S3: a rewritten history is refused until a person allows it", async () => {
  await loop.start();
  await loop.publish(FIRST);
  const second = await loop.publish({ "apps/base/manifests/config.yaml": configMap("base", "2") });
  await loop.work.git("reset", "--hard", "--quiet", "HEAD~1");
  await loop.work.write({ "apps/base/manifests/config.yaml": configMap("base", "other") });
  const other = await loop.work.commit("other");
  await loop.work.push("--force");
  await loop.at(other, second);
  expect(loop.state.fleet?.problems[0]?.message).toContain(`axle approve --rewrite ${other.slice(0, 12)}`);
  expect(loop.slices()).toEqual({ dev: 2, prod: 2 });
  await loop.desk.allowRewrite({ commit: other.slice(0, 12), actor: "me" }, AbortSignal.timeout(5_000));
  await loop.at(other);
  expect(loop.slices()).toEqual({ dev: 3, prod: 3 });
});

test("S3: a rewritten history can be allowed although the mirror, and with it the commit in force, is gone", async () => {
  await loop.start();
  const first = await loop.publish(FIRST);
  await loop.stop();
  await rm(loop.gitFolder, { recursive: true });
  await loop.work.write({ "apps/base/manifests/config.yaml": configMap("base", "other") });
  await loop.work.git("add", "--all");
  await loop.work.git("commit", "--quiet", "--amend", "--message", "other");
  const other = await loop.work.head();
  await loop.work.push("--force");
  await loop.start();
  await loop.at(other, first);
  expect(loop.state.fleet?.problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("the branch was rewritten"),
    expect.stringContaining("is not in the repository any more"),
  ]);
  expect(loop.slices()).toEqual({ dev: 1, prod: 1 });
  await loop.desk.allowRewrite({ commit: other, actor: "me" }, AbortSignal.timeout(5_000));
  await loop.at(other);
});

test("L1: a cluster that joins while the repository is away gets the commit in force", async () => {
  await loop.start();
  await loop.publish(FIRST);
  await loop.stop();
  await loop.loseOrigin();
  await loop.start();
  loop.join("late", { env: "prod" });
  await eventually(() => loop.slices()["late"] === 1, { what: "a slice for the cluster that joined" });
  expect(loop.desk.repository().fetchError).toContain("cannot fetch");
  expect(loop.state.fleet?.problems).toEqual([]);
});

test("a repository without a commit, then without an axle.yaml, then with one", async () => {
  await loop.start();
  await eventually(() => loop.desk.repository().fetchError !== "", { what: "a word about the empty repository" });
  expect(loop.desk.repository().fetchError).toContain("has no commit on its default branch yet");
  const none = await loop.work.publish({ "readme.md": "hello" }, "nothing yet");
  await loop.at(none, "");
  expect(loop.state.fleet?.problems[0]).toMatchObject({ code: "fleet-missing" });
  expect(loop.slices()).toEqual({});
  await loop.publish(FIRST);
  expect(loop.slices()).toEqual({ dev: 1, prod: 1 });
});

test("a cluster that is revoked loses its slice and its approvals, the others keep theirs", async () => {
  await loop.start();
  await loop.publish(FIRST);
  const order = { clusterId: "id-of-dev", app: "base", hash: "h", expiresAtMs: Date.now() + 60_000, actor: "me" };
  await loop.desk.approve(order, AbortSignal.timeout(5_000));
  await eventually(() => loop.slices()["dev"] === 2, { what: "a slice with the approval" });
  const registration = loop.registrations.get("id-of-dev");
  if (registration !== undefined) loop.registrations.set("id-of-dev", { ...registration, state: "revoked" });
  loop.wake.poke("clusters", Date.now());
  await eventually(() => loop.slices()["dev"] === undefined, { what: "no slice for dev" });
  const subjects = Object.keys(await loop.stored());
  expect(subjects.filter((subject) => subject.endsWith("id-of-dev"))).toEqual([]);
  expect(subjects).toContain("axle.slice.id-of-prod");
});

test("S1: an agent that is ahead of the store gets a slice above what it accepted", async () => {
  await loop.start();
  await loop.publish(FIRST);
  const epoch = loop.state.fleet?.epoch ?? 0;
  loop.statuses.set("id-of-dev", { ...UNHEARD, online: true, accepted: { epoch, n: 40 } });
  loop.wake.poke("status", Date.now());
  await eventually(() => loop.slices()["dev"] === 41, { what: "a higher number" });
  expect(loop.slices()["prod"]).toBe(1);
});

test("what was rendered long ago and collected since is rendered anew when a commit goes back to it", async () => {
  loop.packGraceMs = 0;
  await loop.start();
  await loop.publish(FIRST);
  const first = await loop.objects("web", "prod");
  await loop.publish({ "apps/web/manifests/config.yaml": configMap("web", "2") });
  await eventually(async () => (await loop.collectPacks()) > 0, { what: "the first pack collected" });
  await loop.publish({ "apps/web/manifests/config.yaml": configMap("web", "1") });
  expect(loop.slices()).toEqual({ dev: 1, prod: 3 });
  expect(await loop.objects("web", "prod")).toEqual(first);
});
