import type { KubeObject } from "@axle/core/manifest/object.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { TestFleet } from "./adapters/nats/test-fleet.ts";
import { TestLoop } from "./test-loop.ts";
import type { LoopServers } from "./test-loop.ts";

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec: {}\n";

/** A password, a key and a time; a pod template with the digest of the first, as most charts have it. */
const CHART = {
  "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
  "chart/values.yaml": "replicas: 1\ncolour: blue\npassword: ''\n",
  "chart/templates/secret.yaml": `apiVersion: v1
kind: Secret
metadata: { name: web }
stringData:
  password: {{ .Values.password | default (randAlphaNum 20) | quote }}
  colour: {{ .Values.colour }}
  signing.key: {{ genPrivateKey "ed25519" | quote }}
`,
  "chart/templates/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, annotations: { renderedAt: {{ now | unixEpoch | quote }}, once: {{ uuidv4 }} } }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations: { checksum/secret: {{ include (print $.Template.BasePath "/secret.yaml") . | sha256sum }} }
    spec: { containers: [{ name: web, image: web }] }
`,
};

function app(regenerate = "", dev = "{}"): string {
  return `apiVersion: axle.dev/v1
kind: App
metadata: { name: web }
spec:
  source: { path: chart }
  namespace: web
  clusters: { all: true }
  overrides: [{ clusters: { names: [dev] }, values: ${dev} }]
  sync: { ${regenerate} }
`;
}

let servers: AsyncDisposableStack;
let given: LoopServers;
let loop: TestLoop;

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  const server = servers.use(await GitServer.start());
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
}, 60_000);

afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  loop = await TestLoop.create(given);
  loop.join("dev");
  loop.join("prod");
}, 60_000);

afterEach(() => loop[Symbol.asyncDispose]());

async function look(cluster: string) {
  const objects = await loop.objects("web", cluster);
  const [secret, deployment] = ["Secret", "Deployment"].map((kind) => objects.find((object) => object.kind === kind));
  const spec = deployment?.["spec"] as { replicas: number; template: KubeObject } | undefined;
  return {
    secret: secret?.["stringData"] as Readonly<Record<string, string>>,
    replicas: spec?.replicas,
    checksum: spec?.template.metadata.annotations,
    annotations: deployment?.metadata.annotations,
  };
}

test("a password made by a chart stays as published while the chart and its values change, on each variant its own", async () => {
  await loop.start();
  await loop.publish({ "axle.yaml": FLEET, "web.app.yaml": app("", "{ replicas: 2 }"), ...CHART });
  const first = { dev: await look("dev"), prod: await look("prod") };
  expect(first.dev.secret["password"]).toMatch(/^\w{20}$/);
  expect(first.dev.secret["password"]).not.toBe(first.prod.secret["password"]);
  const warning = loop.state.fleet?.problems.find(({ code }) => code === "unstable-render");
  expect(warning?.message).toMatch(/Secret web\/web: stringData.password, stringData\["signing.key"\]/);

  // Only replicas: nothing else differs, the digest of the secret included.
  await loop.publish({ "chart/values.yaml": "replicas: 5\ncolour: blue\npassword: ''\n" });
  expect(await look("prod")).toEqual({ ...first.prod, replicas: 5 });

  // What the secret holds changes: the password stays, and the pods learn of it.
  await loop.publish({ "chart/values.yaml": "replicas: 5\ncolour: red\npassword: ''\n" });
  const red = await look("prod");
  expect(red.secret).toEqual({ ...first.prod.secret, colour: "red" });
  expect(red.annotations).toEqual(first.prod.annotations);
  expect(red.checksum).not.toEqual(first.prod.checksum);

  // Also over a restart of the hub. When two become one, the values of one of them stay: as many clusters, the first id.
  const dev = await look("dev");
  await loop.stop();
  await loop.start();
  await loop.publish({ "chart/values.yaml": "replicas: 6\ncolour: red\npassword: ''\n", "web.app.yaml": app() });
  for (const cluster of ["dev", "prod"]) expect((await look(cluster)).secret).toEqual(dev.secret);
});

test("sync.regenerate makes new values, once, and a value that is given wins over one that was made", async () => {
  await loop.start();
  await loop.publish({ "axle.yaml": FLEET, "web.app.yaml": app(), ...CHART });
  const first = await look("prod");
  await loop.publish({ "web.app.yaml": app("regenerate: 2") });
  const second = await look("prod");
  for (const field of ["password", "signing.key"]) expect(second.secret[field]).not.toBe(first.secret[field]);
  await loop.publish({ "chart/values.yaml": "replicas: 9\ncolour: blue\npassword: ''\n" });
  expect((await look("prod")).secret).toEqual(second.secret);

  await loop.publish({ "chart/values.yaml": "replicas: 9\ncolour: blue\npassword: by-hand\n" });
  expect((await look("prod")).secret).toEqual({ ...second.secret, password: "by-hand" });
  await loop.publish({ "chart/values.yaml": "replicas: 9\ncolour: green\npassword: ''\n" });
  expect((await look("prod")).secret["password"]).toMatch(/^\w{20}$/);
});

test("L2: a chart that takes long keeps its own app waiting and no other; it follows when it is done", async () => {
  loop.renderPatienceMs = 300;
  const slow = Promise.withResolvers<void>();
  loop.beforeRender = (path) => (path === "chart" ? slow.promise : undefined);
  await loop.start();
  const plain = (value: string) => ({
    "plain/cm.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: web}\ndata: {v: "${value}"}\n`,
  });
  const other = app().replaceAll("name: web", "name: plain").replace("path: chart", "path: plain");
  await loop.publish({ "axle.yaml": FLEET, "web.app.yaml": app(), ...CHART, "plain.app.yaml": other, ...plain("1") });
  expect(await loop.objects("plain", "prod")).toMatchObject([{ data: { v: "1" } }]);
  expect(await loop.objects("web", "prod")).toEqual([]);
  expect(loop.state.fleet?.problems.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^takes long/));

  // The next commit does not wait for it at all, though its tree has to be read anew.
  await loop.publish(plain("2"));
  expect(await loop.objects("plain", "prod")).toMatchObject([{ data: { v: "2" } }]);
  slow.resolve();
  await expect.poll(() => loop.objects("web", "prod"), { timeout: 10_000 }).toHaveLength(2);
  await expect.poll(() => loop.state.fleet?.problems.filter(({ severity }) => severity === "error")).toEqual([]);
});

test("what was rendered before with other values takes those that are published, too", async () => {
  const values = (replicas: number) => ({ "chart/values.yaml": `replicas: ${replicas}\ncolour: blue\npassword: ''\n` });
  await loop.start();
  await loop.publish({ "axle.yaml": FLEET, "web.app.yaml": app(), ...CHART, ...values(1) });
  const long = await look("prod");

  // The app goes and comes again: values of its own, which stay when its inputs are what they once were.
  await loop.publish({ "web.app.yaml": null });
  await loop.publish({ "web.app.yaml": app(), ...values(2) });
  const now = await look("prod");
  expect(now.secret["password"]).not.toBe(long.secret["password"]);
  await loop.publish(values(1));
  expect((await look("prod")).secret).toEqual(now.secret);

  // Two clusters of three come to what one has already: theirs stay, as where it would be rendered anew.
  loop.join("other");
  await loop.publish({ "web.app.yaml": app("regenerate: a", "{ replicas: 3 }") });
  await expect.poll(async () => (await look("other")).replicas).toBe(1);
  const [dev, prod] = [await look("dev"), await look("prod")];
  expect(dev.secret["password"]).not.toBe(prod.secret["password"]);
  await loop.publish({
    "web.app.yaml": app("regenerate: a", "{ replicas: 3 }").replace("[dev]", "[dev, prod, other]"),
  });
  for (const cluster of ["dev", "prod", "other"]) {
    expect(await look(cluster)).toMatchObject({ replicas: 3, secret: prod.secret });
  }
});
