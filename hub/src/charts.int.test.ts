import { rm } from "node:fs/promises";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { HelmCharts } from "@axle/testkit/helm-charts.ts";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import type { LoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { OciRegistry } from "@axle/testkit/oci-registry.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { formatLockFile } from "@axle/core/fleet/lock-file.ts";
import { GivenCredentials } from "./adapters/charts/test-sources.ts";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

let loop: TestLoop;
let charts: HelmCharts;
let certificate: LoopbackCertificate;
let registry: OciRegistry;
let servers: AsyncDisposableStack;
let given: LoopServers;

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  const server = servers.use(await GitServer.start());
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
  charts = servers.use(await HelmCharts.create());
  certificate = await createLoopbackCertificate();
}, 60_000);

afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  registry = await OciRegistry.start({ certificate });
  loop = await TestLoop.create(given);
  loop.credentials = new GivenCredentials().give(registry.url, { caPem: certificate.caPem });
  loop.join("one", { env: "prod" });
}, 60_000);

afterEach(async () => {
  await loop[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

async function push(version: string, greeting: string): Promise<void> {
  const files = { "values.yaml": `greeting: ${greeting}\n` };
  const archive = await charts.package({ name: "podinfo", version, files });
  await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem });
}

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec: {}\n";
const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: base }\n";

function app(name: string, source: string): string {
  return `apiVersion: axle.dev/v1
kind: App
metadata: { name: ${name} }
spec:
  source: ${source}
  namespace: ${name}
  clusters: { matchLabels: { env: prod } }
`;
}

function files(version: string): Record<string, string> {
  const chart = `{ chart: { repository: ${registry.url}/charts, name: podinfo, version: ${version} } }`;
  return {
    "axle.yaml": FLEET,
    "apps/web/app.yaml": app("web", chart),
    "apps/base/app.yaml": app("base", "{ path: ./manifests }"),
    "apps/base/manifests/config.yaml": CONFIG,
  };
}

const held = (name: string) => loop.state.apps.get(name)?.held;
/** How many clusters get it. */
const reached = (name: string) => Object.keys(loop.state.apps.get(name)?.targets ?? {}).length;
const key = (version: string) => `chart ${registry.url}/charts podinfo ${version}`;

test("a chart in a registry reaches a cluster, and with the registry gone one that joins after a restart", async () => {
  await push("6.1.0", "hello");
  await loop.start();
  await loop.publish(files("6.1.0"));
  expect(loop.state.fleet?.problems).toEqual([]);
  await eventually(() => loop.slices()["one"] !== undefined);
  const digest = loop.state.sources.get(key("6.1.0"));
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  const packs = loop.state.apps.get("web")?.packs;

  await loop.stop();
  await registry.stop();
  loop.rendered.length = 0;
  await loop.start();
  loop.join("two", { env: "prod" });
  await eventually(() => loop.slices()["two"] !== undefined);
  expect(loop.state.apps.get("web")?.packs).toEqual(packs);
  expect([held("web"), loop.rendered]).toEqual([undefined, []]);
}, 60_000);

test("S3: a registry that is down holds the apps that need it, until it is back", async () => {
  await push("6.1.0", "hello");
  await registry.stop();
  await loop.start();
  await loop.publish(files("6.1.0"));
  await eventually(() => loop.state.fleet?.problems.length === 1);
  const [problem] = loop.state.fleet?.problems ?? [];
  expect(problem).toMatchObject({ app: "web", code: "source", place: { file: "apps/web/app.yaml" } });
  expect(problem?.message).toContain(`chart podinfo 6.1.0 from ${registry.url}/charts: `);
  expect(problem?.message).toContain("ECONNREFUSED");
  expect([reached("base"), reached("web")]).toEqual([1, 0]);
  await registry.restart();
  await eventually(() => reached("web") === 1, { timeoutMs: 20_000 });
  await eventually(() => loop.state.fleet?.problems.length === 0);
}, 60_000);

test("a version that was pushed again is refused where it is fetched again, and the app stays as it was", async () => {
  await push("6.1.0", "hello");
  await loop.start();
  await loop.publish(files("6.1.0"));
  await eventually(() => reached("web") === 1);
  const before = loop.state.apps.get("web")?.packs;
  await push("6.1.0", "other");
  // The mirror may go at any time; what is remembered is in the store.
  await loop.stop();
  await rm(loop.gitFolder, { recursive: true });
  await loop.start();
  await eventually(() => held("web") !== undefined, { timeoutMs: 20_000 });
  expect(held("web")).toContain("it was published again under the same version");
  expect(held("web")).toContain(loop.state.sources.get(key("6.1.0")));
  expect(held("web")).toContain("axle lock --update podinfo");
  expect(loop.state.apps.get("web")?.packs).toEqual(before);

  // Somebody looked at it and says so.
  const now = /is (sha256:[0-9a-f]{64}) now/.exec(held("web") ?? "")?.[1] ?? "";
  await loop.publish({ "axle.lock": formatLockFile([{ source: key("6.1.0"), digest: now }]) });
  await eventually(() => held("web") === undefined, { timeoutMs: 20_000 });
  expect(loop.state.apps.get("web")?.packs).not.toEqual(before);
  expect(loop.state.sources.get(key("6.1.0"))).toBe(now);
}, 60_000);

test("a lock that names another digest holds the app that uses it; one that cannot be read refuses the commit", async () => {
  await push("6.1.0", "hello");
  await loop.start();
  const wrong = { source: key("6.1.0"), digest: `sha256:${"0".repeat(64)}` };
  const first = await loop.publish({ ...files("6.1.0"), "axle.lock": formatLockFile([wrong]) });
  await eventually(() => loop.state.fleet?.problems.some(({ app }) => app === "web") === true);
  expect(loop.state.fleet?.problems[0]?.message).toContain(wrong.digest);
  expect([reached("base"), reached("web")]).toEqual([1, 0]);

  const second = await loop.work.publish({ "axle.lock": "<<<<<<< HEAD\n" }, "conflict");
  await loop.at(second, first);
  expect(loop.state.fleet?.problems[0]?.place?.file).toBe("axle.lock");
}, 60_000);
