import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { HelmCharts } from "@axle/testkit/helm-charts.ts";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { OciRegistry } from "@axle/testkit/oci-registry.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { GivenCredentials } from "./adapters/charts/test-sources.ts";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import { SourceError } from "./sources/source-error.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

let loop: TestLoop;
let registry: OciRegistry;
let charts: HelmCharts;
let servers: AsyncDisposableStack;
let given: LoopServers;

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  const server = servers.use(await GitServer.start());
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
  charts = servers.use(await HelmCharts.create());
}, 60_000);

afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  const certificate = await createLoopbackCertificate();
  registry = await OciRegistry.start({ certificate });
  loop = await TestLoop.create(given);
  loop.credentials = new GivenCredentials().give(registry.url, { caPem: certificate.caPem });
  loop.join("one");
  const archive = await charts.package({
    name: "podinfo",
    version: "1.2.3",
    files: { "values.yaml": "greeting: hi\n" },
  });
  await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem });
}, 60_000);

afterEach(async () => {
  await loop[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec: {}\n";

function app(name: string): string {
  return `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: ${name} }\nspec:\n  source: { path: . }\n  namespace: ${name}\n  clusters: { all: true }\n`;
}

const cm = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: base }\ndata: { value: "${value}" }\n`;

test("a kustomization over a base and a chart of elsewhere, and a chart that depends on one, are rendered as if they were here", async () => {
  const base = await given.server.createRepository(`base-${Date.now()}`);
  const work = await base.clone();
  await work.publish({ "deploy/kustomization.yaml": "resources: [cm.yaml]\n", "deploy/cm.yaml": cm("1") }, "first");
  await work.git("tag", "v1");
  await work.push("--tags");
  await loop.start();
  await loop.publish({
    "axle.yaml": FLEET,
    "web/app.yaml": app("web"),
    "web/kustomization.yaml": `resources: ["${base.url}//deploy?ref=v1"]\nhelmCharts:\n- { name: podinfo, repo: "${registry.url}/charts", version: 1.2.3, releaseName: inner }\n`,
    "umbrella/app.yaml": app("umbrella"),
    "umbrella/Chart.yaml": `apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies: [{ name: podinfo, version: ^1.0.0, repository: "${registry.url}/charts" }]\n`,
    "umbrella/Chart.lock": `dependencies: [{ name: podinfo, version: 1.2.3, repository: "${registry.url}/charts" }]\n`,
  });
  await eventually(async () => (await loop.objects("web", "one")).length > 1, { what: "the app web" });
  const web = await loop.objects("web", "one");
  expect(web.find(({ metadata }) => metadata.name === "base")?.["data"]).toEqual({ value: "1" });
  expect((await loop.objects("umbrella", "one")).length).toBeGreaterThan(0);
  expect(loop.state.fleet?.problems.filter(({ severity }) => severity === "error")).toEqual([]);

  // Nobody is asked again for what is known: with the registry gone, a commit renders all the same.
  await registry[Symbol.asyncDispose]();
  await loop.publish({ "web/kustomization.yaml": `resources: ["${base.url}//deploy?ref=v1"]\nnamePrefix: p-\n` });
  await eventually(async () => (await loop.objects("web", "one")).length === 1, { what: "the app without the chart" });
  expect((await loop.objects("web", "one"))[0]?.metadata.name).toBe("p-base");

  // What cannot be had holds its own app, in words that name it.
  await loop.publish({ "web/kustomization.yaml": `resources: ["${base.url}//deploy?ref=v9"]\n` });
  const problem = loop.state.fleet?.problems.find((each) => each.app === "web");
  expect(problem).toMatchObject({
    severity: "error",
    message: expect.stringMatching(/cannot be fetched: .*v9/) as unknown,
  });
  expect((await loop.objects("web", "one"))[0]?.metadata.name).toBe("p-base");
});

test("what is said of a source that a folder names changes with what is wrong with it", async () => {
  let what = "the server is away";
  const fetch = async (): Promise<never> => {
    throw new SourceError("unreachable", what);
  };
  loop.fetchers = { file: { fetch }, chart: { fetch } };
  await loop.start();
  await loop.publish({
    "axle.yaml": FLEET,
    "web/app.yaml": app("web"),
    "web/kustomization.yaml": 'resources: ["https://files.example.com/a.yaml"]\n',
    "umbrella/app.yaml": app("umbrella"),
    "umbrella/Chart.yaml":
      'apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies: [{ name: podinfo, version: 1.2.3, repository: "https://charts.example.com" }]\n',
  });
  const messages = () =>
    ["web", "umbrella"].map((name) => loop.state.fleet?.problems.find((each) => each.app === name)?.message);
  expect(messages()).toEqual([1, 2].map(() => expect.stringContaining("the server is away") as unknown));
  what = "the server asks who we are";
  await eventually(() => messages().every((message) => message?.includes(what)), { what: "the new words" });
});
