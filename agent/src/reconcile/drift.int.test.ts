import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { APP_LABEL } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "drift" });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const specOf = async (name: string) => (await agent.get("apps/v1", "Deployment", `default/${name}`))?.["spec"];
const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];

test("L3: a hand-made change is undone, with who made it and where", async () => {
  await agent.apply([appOf("web", [deploymentOf("default/web"), configMapOf("default/web", { a: "1", b: "2" })])]);
  await cluster.kubectl("scale", "deployment", "web", "--replicas=4");
  await eventually(async () => expect(await specOf("web")).toMatchObject({ replicas: 1 }));
  await cluster.kubectl("set", "image", "deployment/web", "web=registry.example/evil:1");
  await eventually(async () => {
    expect(await specOf("web")).toMatchObject({
      template: { spec: { containers: [{ image: "registry.example/web:1" }] } },
    });
  });
  await cluster.kubectl("patch", "configmap", "web", "--type=merge", "-p", '{"data":{"a":null,"b":"changed"}}');
  await eventually(async () => expect(await dataOf("web")).toEqual({ a: "1", b: "2" }));
  await eventually(() => agent.report("web").drifts.length === 3);
  expect(agent.report("web").drifts.map(({ paths, manager, action }) => ({ paths, manager, action }))).toEqual([
    { paths: ["data.a", "data.b"], manager: "kubectl-patch", action: "corrected" },
    { paths: ["spec.template.spec.containers[name=web].image"], manager: "kubectl-set", action: "corrected" },
    { paths: ["spec.replicas"], manager: "kubectl", action: "corrected" },
  ]);
  expect(agent.report("web").drifts.every((drift) => drift.correctedAtMs > 0)).toBe(true);
});

test("L3: a deleted object comes back, and so does one whose label was taken off", async () => {
  await agent.apply([appOf("back", [configMapOf("default/deleted"), configMapOf("default/unlabelled")])]);
  const before = (await agent.get("v1", "ConfigMap", "default/unlabelled"))?.metadata["uid"];
  await cluster.kubectl("delete", "configmap", "deleted");
  await eventually(async () => expect(await dataOf("deleted")).toEqual({ key: "value" }));
  await cluster.kubectl("label", "configmap", "unlabelled", `${APP_LABEL}-`);
  await eventually(async () => {
    const live = await agent.get("v1", "ConfigMap", "default/unlabelled");
    expect(live?.metadata.labels).toEqual({ [APP_LABEL]: "back" });
    expect(live?.metadata["uid"]).toBe(before);
  });
});

test("with selfHeal off a change is reported once and left alone", async () => {
  await agent.apply([appOf("hands-off", [configMapOf("default/hands-off")], { selfHeal: false })]);
  await cluster.kubectl("patch", "configmap", "hands-off", "--type=merge", "-p", '{"data":{"key":"mine"}}');
  await eventually(() => agent.report("hands-off").drifts.length === 1);
  await cluster.kubectl("label", "configmap", "hands-off", "seen=yes");
  await eventually(async () => {
    expect((await agent.get("v1", "ConfigMap", "default/hands-off"))?.metadata.labels).toHaveProperty("seen");
  });
  expect(agent.report("hands-off").drifts).toMatchObject([
    { action: "reported", paths: ["data.key"], correctedAtMs: 0 },
  ]);
  expect(await dataOf("hands-off")).toEqual({ key: "mine" });
});

test("a paused object is left alone until the annotation goes", async () => {
  const app = (value: string, revision: number) => [
    appOf("paused", [configMapOf("default/paused", { key: value })], { revision }),
  ];
  await agent.apply(app("1", 1));
  await cluster.kubectl("annotate", "configmap", "paused", "axle.dev/reconcile=disabled");
  await cluster.kubectl("patch", "configmap", "paused", "--type=merge", "-p", '{"data":{"key":"mine"}}');
  await cluster.kubectl("label", "configmap", "paused", "step=one");
  expect(await agent.apply(app("2", 2))).toEqual({ applied: true, retry: [] });
  expect(await dataOf("paused")).toEqual({ key: "mine" });
  await cluster.kubectl("annotate", "configmap", "paused", "axle.dev/reconcile-");
  await eventually(async () => expect(await dataOf("paused")).toEqual({ key: "2" }));
});

test("somebody who insists is fought later and later, and named", async () => {
  await agent.apply([appOf("fight", [configMapOf("default/fight")])]);
  for (let round = 1; round <= 5; round += 1) {
    await cluster.kubectl("patch", "configmap", "fight", "--type=merge", "-p", `{"data":{"key":"mine-${round}"}}`);
    if (round < 5) await eventually(async () => expect(await dataOf("fight")).toEqual({ key: "value" }));
  }
  await eventually(() => agent.report("fight").drifts[0]?.action === "fighting");
  expect(agent.report("fight").drifts).toMatchObject([
    { manager: "kubectl-patch", paths: ["data.key"], correctedAtMs: 0 },
  ]);
  expect(agent.report("fight")).toMatchObject({
    sync: "Applied",
    message: "fighting with kubectl-patch over data.key of ConfigMap default/fight",
  });
});

test("L3: a change is undone and a deleted object back within a second", async () => {
  const objects = Array.from({ length: 50 }, (_, index) => configMapOf(`default/quick-${index}`));
  await agent.apply([appOf("quick", objects)]);
  await eventually(async () => {
    // Until the watch stands: its first list tells of changes, too.
    await cluster.kubectl("patch", "configmap", "quick-0", "--type=merge", "-p", '{"data":{"key":"first"}}');
    await eventually(async () => expect(await dataOf("quick-0")).toEqual({ key: "value" }), { timeoutMs: 1_000 });
  });
  const path = "/api/v1/namespaces/default/configmaps/quick";
  for (let round = 1; round <= 5; round += 1) {
    await cluster.request("PATCH", `${path}-${round}?fieldManager=somebody`, { data: { key: "mine" } });
    await eventually(async () => expect(await dataOf(`quick-${round}`)).toEqual({ key: "value" }), {
      timeoutMs: 1_000,
    });
    await cluster.request("DELETE", `${path}-${round}`);
    await eventually(async () => expect(await dataOf(`quick-${round}`)).toEqual({ key: "value" }), {
      timeoutMs: 1_000,
    });
  }
  const { drifts } = agent.report("quick");
  expect(drifts.some(({ manager, operation }) => manager === "somebody" && operation === "Update")).toBe(true);
  expect(drifts.some(({ operation }) => operation === "Delete")).toBe(true);
  expect(drifts.find(({ manager }) => manager === "somebody")?.changes).toEqual([
    { path: "data.key", before: "value", after: "mine" },
  ]);
});

test("changes made while no watch ran are found by the full comparison", async () => {
  const app = appOf("verify", [configMapOf("default/verify", { a: "1" })]);
  await agent.apply([app]);
  await cluster.request("PATCH", "/api/v1/namespaces/default/configmaps/verify?fieldManager=other", {
    data: { a: "2" },
  });
  await agent.reconciler.verifyAll(agent.signal);
  await eventually(async () => expect(await dataOf("verify")).toEqual({ a: "1" }));
});
