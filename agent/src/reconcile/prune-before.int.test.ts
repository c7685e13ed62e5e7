import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "prune-before", workloads: false });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });
const bulk = (prefix: string) =>
  appOf(
    `bulk-${prefix}`,
    Array.from({ length: 20 }, (_, index) => configMapOf(`default/${prefix}-${index}`)),
  );
const serviceOf = (name: string, nodePort: number): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { type: "NodePort", selector: { app: name }, ports: [{ port: 80, nodePort }] },
});

test("pruned before, what takes the place of something else is applied, which it could not be the other way round", async () => {
  await using agent = await agentOf("room");
  const app = (name: string, revision: number, pruneFirst: boolean) =>
    appOf("room", [serviceOf(name, 31_111)], { revision, pruneFirst });
  await agent.apply([app("old", 1, true), bulk("room")]);
  await agent.apply([app("new", 2, false), bulk("room")]);
  expect(agent.report("room")).toMatchObject({ sync: "Failed" });
  expect(agent.report("room").message).toMatch(/^Service default\/new: .*already allocated/);
  expect(await agent.apply([app("new", 2, true), bulk("room")])).toEqual({ applied: true, retry: [] });
  expect(await agent.get("v1", "Service", "default/old")).toBeUndefined();
  expect(await agent.get("v1", "Service", "default/new")).toBeDefined();
});

test("S2: pruned before, nothing goes while the server refuses an object for another reason", async () => {
  await using agent = await agentOf("refused");
  const old = configMapOf("default/refused-old");
  await agent.apply([appOf("refused", [old], { pruneFirst: true }), bulk("refused")]);
  const wrong = { ...configMapOf("default/refused-new"), data: { key: ["no", "text"] } };
  await agent.apply([appOf("refused", [wrong], { revision: 2, pruneFirst: true }), bulk("refused")]);
  expect(agent.report("refused").sync).toBe("Failed");
  expect(await agent.get("v1", "ConfigMap", "default/refused-old")).toBeDefined();
});

test("pruned before, the app waits until what goes is gone and says what keeps it", async () => {
  await using agent = await agentOf("keeps");
  const metadata = { name: "keeps-old", namespace: "default", finalizers: ["shop.example/wait"] };
  const old = { ...configMapOf("default/keeps-old"), metadata };
  const next = (timeoutMs: number) =>
    agent.apply([
      appOf("keeps", [configMapOf("default/keeps-new")], { revision: 2, pruneFirst: true, timeoutMs }),
      bulk("keeps"),
    ]);
  await agent.apply([appOf("keeps", [old], { pruneFirst: true }), bulk("keeps")]);
  expect(await next(300)).toEqual({ applied: false, retry: ["keeps"] });
  expect(agent.report("keeps").message).toBe(
    "not applied before it is gone: ConfigMap default/keeps-old: blocked by finalizer shop.example/wait",
  );
  expect(await agent.get("v1", "ConfigMap", "default/keeps-new")).toBeUndefined();
  const waiting = next(20_000);
  await eventually(() => agent.report("keeps").sync === "Applying");
  await cluster.request("PATCH", "/api/v1/namespaces/default/configmaps/keeps-old", { metadata: { finalizers: null } });
  expect(await waiting).toEqual({ applied: true, retry: [] });
  expect(await agent.get("v1", "ConfigMap", "default/keeps-new")).toBeDefined();
});

test("S2, S4: pruned before, a large deletion waits for a person and one of another's object never happens", async () => {
  await using agent = await agentOf("guards");
  const many = Array.from({ length: 20 }, (_, index) => configMapOf(`default/guards-many-${index}`));
  const app = (objects: readonly KubeObject[], revision: number) =>
    appOf("guards", objects, { revision, pruneFirst: true });
  await agent.apply([app(many, 1), bulk("guards")]);
  const fewer = [...many.slice(0, 10), configMapOf("default/guards-new")];
  expect(await agent.apply([app(fewer, 2), bulk("guards")])).toEqual({ applied: true, retry: [] });
  const pending = agent.report("guards").pendingDeletion;
  expect(pending?.objects).toHaveLength(10);
  expect(await agent.get("v1", "ConfigMap", "default/guards-new")).toBeDefined();
  expect(await agent.get("v1", "ConfigMap", "default/guards-many-19")).toBeDefined();
  await cluster.kubectl("annotate", "configmap", "guards-many-18", "axle.dev/id-", "--overwrite");
  const approvals = [{ id: "yes", app: "guards", hash: pending?.hash ?? "", expiresAtMs: Date.now() + 60_000 }];
  await agent.apply([app(fewer, 2), bulk("guards")], { approvals });
  expect(await agent.get("v1", "ConfigMap", "default/guards-many-19")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/guards-many-18")).toBeDefined();
  expect(agent.report("guards").pendingDeletion).toBeUndefined();
});
