import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeClient, addressOf } from "./kube-client.ts";
import { kubeconfigAccess } from "./kubeconfig-access.ts";
import type { WatchEvent } from "./watch-events.ts";

let cluster: KubeCluster;
let client: KubeClient;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "client", workloads: false });
  client = new KubeClient(await kubeconfigAccess(cluster.kubeconfigPath));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const { signal } = new AbortController();
const manager = "axle";
const map = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", labels: { "axle.dev/app": "test" } },
  data,
});

test("an apply makes and changes an object; a dry-run does neither", async () => {
  expect((await client.apply(map("a", { v: "0" }), { dryRun: true, manager, signal })).metadata).not.toHaveProperty(
    "resourceVersion",
  );
  expect(await client.get(addressOf(map("a")), signal)).toBeUndefined();
  await client.apply(map("a", { v: "1" }), { manager, signal });
  await client.apply(map("a", { v: "2" }), { dryRun: true, manager, signal });
  expect((await client.get(addressOf(map("a")), signal))?.["data"]).toEqual({ v: "1" });
});

test("a deletion takes only the very object that was looked at", async () => {
  const { metadata } = await client.apply(map("b"), { manager, signal });
  const address = addressOf(map("b"));
  await expect(client.delete(address, { uid: "another", signal })).rejects.toMatchObject({ code: "conflict" });
  expect(await client.delete(address, { uid: String(metadata["uid"]), signal })).toBeUndefined();
  expect(await client.delete(address, { uid: String(metadata["uid"]), signal })).toBeUndefined();
});

test("an object that finalizers keep is given back", async () => {
  const kept = map("c");
  const { metadata } = await client.apply(
    { ...kept, metadata: { ...kept.metadata, finalizers: ["x.example/y"] } },
    { manager, signal },
  );
  const left = await client.delete(addressOf(kept), { uid: String(metadata["uid"]), signal });
  expect(left?.metadata).toMatchObject({ finalizers: ["x.example/y"], deletionTimestamp: expect.any(String) });
});

test("a list comes in pages, of what carries the label only", async () => {
  await cluster.kubectl("create", "configmap", "unlabelled");
  for (let index = 0; index < 5; index += 1) await client.apply(map(`page-${index}`), { manager, signal });
  const resource = await client.discovery.find("v1", "ConfigMap");
  const sizes: number[] = [];
  const names: string[] = [];
  for await (const page of client.list(resource, { labelSelector: "axle.dev/app", pageSize: 3, signal })) {
    sizes.push(page.items.length);
    names.push(...page.items.map((item) => `${item.apiVersion}/${item.kind}/${item.metadata.name}`));
  }
  expect(Math.max(...sizes)).toBe(3);
  expect(names).toContain("v1/ConfigMap/page-4");
  expect(names.join()).not.toContain("unlabelled");
});

test("a watch tells of changes from where it is told to go on", async () => {
  const { metadata } = await client.apply(map("w"), { manager, signal });
  const resource = await client.discovery.find("v1", "ConfigMap");
  await client.apply(map("w", { v: "1" }), { manager, signal });
  await client.delete(addressOf(map("w")), { uid: String(metadata["uid"]), signal });
  const from = String(metadata["resourceVersion"]);
  const events: WatchEvent[] = [];
  for await (const event of client.watch(resource, { resourceVersion: from, timeoutSeconds: 60, signal })) {
    events.push(event);
    if (events.length === 2) break;
  }
  expect(events.map(({ type }) => type)).toEqual(["MODIFIED", "DELETED"]);
});

test("a kind that appears after discovery was read is found", async () => {
  await expect(
    client.apply({ apiVersion: "new.example/v1", kind: "New", metadata: { name: "x" } }, { manager, signal }),
  ).rejects.toMatchObject({ code: "kind-unknown" });
  await client.apply(
    {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "news.new.example" },
      spec: {
        group: "new.example",
        scope: "Cluster",
        names: { kind: "New", plural: "news" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    },
    { manager, signal },
  );
  await expect
    .poll(async () => {
      client.discovery.forget();
      return client.discovery.find("new.example/v1", "New").catch(() => undefined);
    })
    .toMatchObject({ resource: "news", namespaced: false });
  expect(await client.discovery.apiVersions()).toContain("new.example/v1/New");
});
