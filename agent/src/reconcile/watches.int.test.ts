import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
const asked: string[] = [];
/** Watches of config maps that are open, to be ended by the test. */
const watching = new Set<http.ServerResponse>();
/** What the next watch of config maps is answered with instead. */
let nextWatch: "pass" | "gone" | "gone-inside" = "pass";
const GONE = { kind: "Status", apiVersion: "v1", status: "Failure", code: 410, reason: "Expired", message: "too old" };

const proxy = http.createServer((request, response) => {
  const { method = "GET", url = "/", headers } = request;
  asked.push(`${method} ${url}`);
  const isWatch = url.includes("/configmaps?") && url.includes("watch=1");
  if (isWatch && nextWatch !== "pass") {
    const isInside = nextWatch === "gone-inside";
    nextWatch = "pass";
    response.writeHead(isInside ? 200 : 410, { "content-type": "application/json" });
    response.end(`${JSON.stringify(isInside ? { type: "ERROR", object: GONE } : GONE)}\n`);
    return;
  }
  const target = new URL(url, cluster.server);
  const passed = https.request(
    target,
    { method, headers: { ...headers, host: target.host }, ca: cluster.caPem },
    (from) => {
      response.writeHead(from.statusCode ?? 502, from.headers);
      from.on("error", () => response.destroy());
      from.pipe(response);
    },
  );
  passed.on("error", () => response.destroy());
  if (isWatch) watching.add(response);
  response.on("close", () => {
    watching.delete(response);
    passed.destroy();
  });
  request.pipe(passed);
});

beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "watches", workloads: false });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const { adminToken } = cluster;
  const credentials = async () => ({ authorization: `Bearer ${adminToken}` });
  agent = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    connect: (access) => new KubeClient({ ...access, server: new URL(`http://127.0.0.1:${port}`), credentials }),
  });
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  proxy.closeAllConnections();
  proxy.close();
  await cluster?.[Symbol.asyncDispose]();
});

const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];
const lists = (from: number) =>
  asked.slice(from).filter((line) => /^GET [^?]*\/configmaps\?/.test(line) && !line.includes("watch=1"));
const isWatched = () => eventually(() => watching.size > 0);

test.for(["gone", "gone-inside"] as const)(
  "L3: a watch that is answered with 410 (%s) is begun anew from a list, and what changed meanwhile is put right",
  async (how) => {
    await agent.apply([appOf("web", [configMapOf("default/web"), configMapOf("default/lost")])]);
    await isWatched();
    const before = asked.length;
    nextWatch = how;
    // Changed and deleted while nobody looks: only the new list can tell.
    for (const response of watching) response.destroy();
    await cluster.kubectl("patch", "configmap", "web", "--type=merge", "-p", '{"data":{"key":"mine"}}');
    await cluster.kubectl("delete", "configmap", "lost");
    await eventually(async () => expect(await dataOf("web")).toEqual({ key: "value" }), { timeoutMs: 30_000 });
    await eventually(async () => expect(await dataOf("lost")).toEqual({ key: "value" }), { timeoutMs: 30_000 });
    expect(lists(before)).toHaveLength(1);
  },
);

test("L3: a watch that breaks goes on from where it stopped, without a list", async () => {
  await agent.apply([appOf("web", [configMapOf("default/web"), configMapOf("default/lost")])]);
  await isWatched();
  // An event, so that the watch stands at a version of its own.
  await cluster.kubectl("patch", "configmap", "web", "--type=merge", "-p", '{"data":{"key":"first"}}');
  await eventually(async () => expect(await dataOf("web")).toEqual({ key: "value" }));
  const before = asked.length;
  for (const response of watching) response.destroy();
  await cluster.kubectl("patch", "configmap", "web", "--type=merge", "-p", '{"data":{"key":"mine"}}');
  await eventually(async () => expect(await dataOf("web")).toEqual({ key: "value" }), { timeoutMs: 30_000 });
  expect(lists(before)).toEqual([]);
});

test("L3: watches outlive a server that restarts, and what changed meanwhile is put right", async () => {
  await agent.apply([appOf("web", [configMapOf("default/web"), configMapOf("default/lost")])]);
  await isWatched();
  await cluster.stopApiServer();
  await eventually(() => watching.size === 0, { timeoutMs: 30_000 });
  await cluster.startApiServer();
  await cluster.kubectl("delete", "configmap", "lost");
  await eventually(async () => expect(await dataOf("lost")).toEqual({ key: "value" }), { timeoutMs: 60_000 });
});

test("nothing is ever listed or watched but what carries our label, or is our own", async () => {
  const others = Array.from({ length: 30 }, (_, index) => configMapOf(`default/others-${index}`));
  await cluster.pipeToKubectl(JSON.stringify({ apiVersion: "v1", kind: "List", items: others }), "create", "-f", "-");
  const apps = [
    appOf("web", [
      configMapOf("default/web"),
      ...Array.from({ length: 20 }, (_, index) => configMapOf(`default/own-${index}`)),
    ]),
  ];
  await agent.apply(apps);
  await agent.reconciler.verifyAll(agent.signal);
  const open = asked.filter((line) => {
    const [path = "", query = ""] = line.replace(/^GET /, "").split("?");
    const isCollection = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(\/namespaces\/[^/]+)?\/[a-z]+$/.test(path);
    return (
      line.startsWith("GET ") && isCollection && new URLSearchParams(query).get("labelSelector") !== "axle.dev/app"
    );
  });
  expect(open.filter((line) => !line.includes("/namespaces/axle-system/axleinventories"))).toEqual([]);
});
