import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "order", workloads: false, audit: true });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const crd = (kind: string): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${kind.toLowerCase()}s.shop.example` },
  spec: {
    group: "shop.example",
    scope: "Namespaced",
    names: { kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", properties: { size: { type: "integer" } } } },
      },
    ],
  },
});

test("a custom resource, its definition and its namespace arrive in one slice, whatever their order in the pack", async () => {
  const order: KubeObject = {
    apiVersion: "shop.example/v1",
    kind: "Order",
    metadata: { name: "first", namespace: "shop" },
    size: 3,
  };
  const webhook: KubeObject = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "shop.example" },
    webhooks: [],
  };
  const outcome = await agent.apply([
    appOf("shop", [webhook, order, configMapOf("shop/settings"), crd("Order"), namespaceOf("shop")]),
  ]);
  expect(agent.reports.get("shop")?.message).toBe("");
  expect(outcome).toEqual({ applied: true, retry: [] });
  expect((await agent.get("shop.example/v1", "Order", "shop/first"))?.["size"]).toBe(3);
  const written = (await cluster.auditEvents())
    .filter((event) => event.verb === "patch" && event.responseStatus?.code === 201)
    .map((event) => new URL(event.requestURI, "https://localhost"))
    .filter((url) => !url.searchParams.has("dryRun") && !url.pathname.includes("axle"))
    .map((url) => url.pathname.split("/").at(-1));
  expect(written.slice(-3)).toEqual(["settings", "first", "shop.example"]);
});

test("an app that needs a namespace and a kind of another app waits for them without being told to", async () => {
  const item: KubeObject = {
    apiVersion: "shop.example/v1",
    kind: "Item",
    metadata: { name: "one", namespace: "stock" },
  };
  const outcome = await agent.apply([
    appOf("a-user", [item, configMapOf("stock/list")]),
    appOf("b-provider", [crd("Item"), namespaceOf("stock")]),
  ]);
  expect(outcome.applied).toBe(true);
  expect(await agent.get("shop.example/v1", "Item", "stock/one")).toBeDefined();
});

test("an app stays blocked, and says by what, while an app it depends on fails", async () => {
  const bad = { ...configMapOf("default/bad"), data: { key: 7 } };
  const outcome = await agent.apply([
    appOf("base", [bad]),
    appOf("web", [configMapOf("default/web")], { dependsOn: ["base"] }),
  ]);
  expect(outcome).toEqual({ applied: false, retry: ["base", "web"] });
  expect(agent.report("web")).toMatchObject({ sync: "Blocked", message: "waits for app base: it failed" });
  expect(await agent.get("v1", "ConfigMap", "default/web")).toBeUndefined();
  expect(
    await agent.apply([
      appOf("base", [configMapOf("default/bad")]),
      appOf("web", [configMapOf("default/web")], { dependsOn: ["base"] }),
    ]),
  ).toEqual({ applied: true, retry: [] });
});

test("objects without a namespace go to the app's, and cluster-scoped ones lose what they should not have", async () => {
  const bare: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "bare" }, data: {} };
  const role: KubeObject = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "placed", namespace: "wrong" },
    rules: [],
  };
  await agent.apply([appOf("placed", [bare, role, namespaceOf("own")], { namespace: "own" })]);
  expect(await agent.get("v1", "ConfigMap", "own/bare")).toBeDefined();
  expect(await agent.get("rbac.authorization.k8s.io/v1", "ClusterRole", "placed")).toBeDefined();
});

test("an app that needs what an app brings which depends on it fails, says so, and a newer slice mends it", async () => {
  const apps = (dependsOn: readonly string[], revision: number) => [
    appOf("cert", [configMapOf("default/issuer"), configMapOf("mon/rules")], { revision }),
    appOf("mon", [namespaceOf("mon"), configMapOf("mon/config")], { revision, dependsOn: ["between"] }),
    appOf("between", [configMapOf("default/between")], { revision, dependsOn }),
  ];
  expect(await agent.apply(apps(["cert"], 1))).toEqual({ applied: false, retry: ["cert", "mon", "between"] });
  expect(agent.report("cert")).toMatchObject({
    sync: "Failed",
    message:
      "ConfigMap mon/rules needs what app mon brings, which depends on this app: drop the dependency or move the object",
  });
  expect(agent.report("between")).toMatchObject({ sync: "Blocked", message: "waits for app cert: it failed" });
  expect(await agent.get("v1", "ConfigMap", "default/issuer")).toBeUndefined();
  expect(await agent.apply(apps([], 2))).toEqual({ applied: true, retry: [] });
  expect(await agent.get("v1", "ConfigMap", "mon/rules")).toBeDefined();
});

test("apps that wait in a circle over each other's namespaces and dependencies do not wait for ever", async () => {
  const outcome = await agent.apply([
    appOf("ring-a", [configMapOf("ring-b/a")]),
    appOf("ring-b", [namespaceOf("ring-b")], { dependsOn: ["ring-c"] }),
    appOf("ring-c", [configMapOf("ring-d/c")]),
    appOf("ring-d", [namespaceOf("ring-d")], { dependsOn: ["ring-a"] }),
  ]);
  expect(outcome.applied).toBe(false);
  const messages = ["ring-a", "ring-c"].map((app) => agent.report(app).message);
  expect(messages.filter((message) => message.includes("which depends on this app"))).toHaveLength(1);
});
