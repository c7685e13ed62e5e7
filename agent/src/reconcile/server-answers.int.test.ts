import http from "node:http";
import https from "node:https";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly reason?: string;
}

let cluster: KubeCluster;
let agent: ReconcileFixture;
/** What some requests are answered with instead of being passed on. */
let answer: (request: IncomingMessage) => Answer | undefined = () => undefined;
const proxy = http.createServer((request, response) => {
  const injected = answer(request);
  if (injected !== undefined) {
    request.resume();
    const { status, headers = {}, reason = "InternalError" } = injected;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(
      JSON.stringify({ kind: "Status", status: "Failure", code: status, reason, message: `injected ${status}` }),
    );
    return;
  }
  const { method, url, headers } = request;
  const target = new URL(url ?? "/", cluster.server);
  const passed = https.request(
    target,
    { method, headers: { ...headers, host: target.host }, ca: cluster.caPem },
    (from) => {
      response.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(response);
    },
  );
  passed.on("error", () => response.destroy());
  response.on("close", () => passed.destroy());
  request.pipe(passed);
});

beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "answers", workloads: false });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const { adminToken } = cluster;
  const credentials = async () => ({ authorization: `Bearer ${adminToken}` });
  agent = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    connect: (access) => new KubeClient({ ...access, server: new URL(`http://127.0.0.1:${port}`), credentials }),
  });
});
afterEach(() => {
  answer = () => undefined;
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  proxy.closeAllConnections();
  proxy.close();
  await cluster?.[Symbol.asyncDispose]();
});

const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];
const isAbout = (request: IncomingMessage, name: string) =>
  request.method === "PATCH" && request.url?.includes(`/configmaps/${name}?`) === true;

test("a server that is busy is asked again after the time it names, in the same pass", async () => {
  let refused = 0;
  answer = (request) => {
    if (!isAbout(request, "busy") || refused >= 2) return undefined;
    refused += 1;
    return { status: 429, headers: { "retry-after": "1" }, reason: "TooManyRequests" };
  };
  const startedMs = performance.now();
  expect(await agent.apply([appOf("busy", [configMapOf("default/busy")])])).toEqual({ applied: true, retry: [] });
  expect(performance.now() - startedMs).toBeGreaterThan(2_000);
  expect(await dataOf("busy")).toEqual({ key: "value" });
});

test("a server that fails on one object fails its app alone, says so, and the next pass ends well", async () => {
  answer = (request) => (isAbout(request, "failing") ? { status: 500 } : undefined);
  const apps = [appOf("failing", [configMapOf("default/failing")]), appOf("fine", [configMapOf("default/fine")])];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["failing"] });
  expect(agent.report("failing")).toMatchObject({ sync: "Failed", message: "ConfigMap default/failing: injected 500" });
  expect(agent.report("fine").sync).toBe("Applied");
  answer = () => undefined;
  expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
});

test("where server-side apply is not served objects are made, replaced, and put right by the full comparison", async () => {
  answer = (request) => (isAbout(request, "plain") ? { status: 415, reason: "UnsupportedMediaType" } : undefined);
  const app = (value: string, revision: number) =>
    appOf("plain", [configMapOf("default/plain", { key: value })], { revision });
  expect(await agent.apply([app("1", 1)])).toEqual({ applied: true, retry: [] });
  expect(await agent.apply([app("2", 2)])).toEqual({ applied: true, retry: [] });
  expect(await dataOf("plain")).toEqual({ key: "2" });
  const versionOf = async () => (await agent.get("v1", "ConfigMap", "default/plain"))?.metadata["resourceVersion"];
  const before = await versionOf();
  await agent.apply([app("2", 2)]);
  expect(await versionOf()).toBe(before);
  await cluster.kubectl("patch", "configmap", "plain", "--type=merge", "-p", '{"data":{"key":"mine"}}');
  await agent.reconciler.verifyAll(agent.signal);
  await eventually(async () => expect(await dataOf("plain")).toEqual({ key: "2" }));
});

test("a server that takes no writes fails every app in its words and loses nothing; afterwards all ends well", async () => {
  const bulk = Array.from({ length: 20 }, (_, index) => configMapOf(`default/ro-${index}`));
  const before = appOf("ro", [...bulk, configMapOf("default/ro-old")]);
  const after = appOf("ro", [...bulk, configMapOf("default/ro-new")], { revision: 2 });
  await agent.apply([before]);
  for (const how of [
    { status: 403, reason: "Forbidden" },
    { status: 500, reason: "InternalError" },
  ]) {
    // Also the writes of our own kinds; dry-runs pass, as they do when only the store behind the server is full.
    answer = ({ method, url }) => (method !== "GET" && url?.includes("dryRun") !== true ? how : undefined);
    await expect(agent.apply([after])).rejects.toThrow(`injected ${how.status}`);
    expect(agent.report("ro")).toMatchObject({ sync: "Failed", message: `injected ${how.status}` });
    expect(await dataOf("ro-old")).toBeDefined();
    answer = () => undefined;
  }
  expect(await agent.apply([after])).toEqual({ applied: true, retry: [] });
  expect(await dataOf("ro-old")).toBeUndefined();
  expect(await dataOf("ro-new")).toBeDefined();
});

test("a retry asks and writes for what failed alone", async () => {
  const objects = ["a", "b", "c", "d"].map((name) => configMapOf(`default/retry-${name}`));
  // The dry-run passes, the write does not: the others are written by then.
  answer = (request) => (isAbout(request, "retry-c") && !request.url?.includes("dryRun") ? { status: 500 } : undefined);
  const apps = [appOf("retry", objects), appOf("beside", [configMapOf("default/beside")])];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["retry"] });
  for (const name of ["a", "b", "d"]) expect(await dataOf(`retry-${name}`)).toBeDefined();
  const asked: string[] = [];
  answer = ({ method = "", url = "" }) => {
    if (url.includes("/configmaps"))
      asked.push(`${method} ${url.replace(/\?.*dryRun.*/, "?dryRun").replace(/\?fieldManager.*/, "")}`);
    return undefined;
  };
  expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
  const path = "/api/v1/namespaces/default/configmaps/retry-c";
  expect(asked.filter((line) => !line.includes("watch=1"))).toEqual([
    `GET ${path}`,
    `PATCH ${path}?dryRun`,
    `PATCH ${path}`,
  ]);
});
