import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "refused", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

test("of an app with an object the server refuses nothing is written, and the other apps go on", async () => {
  const bad = { ...configMapOf("default/bad"), data: { key: 7 } };
  const outcome = await agent.apply([
    appOf("broken", [configMapOf("default/good"), bad]),
    appOf("fine", [configMapOf("default/fine")]),
  ]);
  expect(outcome).toEqual({ applied: false, retry: ["broken"] });
  expect(agent.report("broken").sync).toBe("Failed");
  expect(agent.report("broken").message).toMatch(/^ConfigMap default\/bad: .*data\.key/);
  expect(agent.report("fine").sync).toBe("Applied");
  expect(await agent.get("v1", "ConfigMap", "default/good")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/fine")).toBeDefined();
});

test("a kind nobody knows, a namespace nobody makes and an immutable field are named with what to do", async () => {
  const unknown = { apiVersion: "nowhere.example/v1", kind: "Thing", metadata: { name: "x", namespace: "default" } };
  await agent.apply([appOf("unknown", [unknown]), appOf("homeless", [configMapOf("nowhere/x")])]);
  expect(agent.report("unknown").message).toContain(
    "knows no kind Thing in nowhere.example/v1 (install its CustomResourceDefinition first",
  );
  expect(agent.report("homeless").message).toContain('namespaces "nowhere" not found (declare the Namespace');
  const deployment = deploymentOf("default/fixed");
  await agent.apply([appOf("fixed", [deployment], { timeoutMs: 1 })]);
  const changed = JSON.parse(JSON.stringify(deployment).replaceAll('"app":"fixed"', '"app":"other"'));
  await agent.apply([appOf("fixed", [changed], { revision: 2, timeoutMs: 1 })]);
  expect(agent.report("fixed").message).toContain("field is immutable");
});

test("an object that two apps declare fails the second app and names the first", async () => {
  const shared = configMapOf("default/both");
  const outcome = await agent.apply([appOf("first", [shared]), appOf("second", [shared])]);
  expect(outcome.retry).toEqual(["second"]);
  expect(agent.report("second").message).toBe("/ConfigMap/default/both is also declared by app first");
});

test("an app that is refused keeps what it had, and is applied once it is right", async () => {
  await agent.apply([appOf("mended", [configMapOf("default/mended", { key: "1" })])]);
  const bad = { ...configMapOf("default/mended-2"), data: { key: 7 } };
  await agent.apply([appOf("mended", [configMapOf("default/mended", { key: "2" }), bad], { revision: 2 })]);
  expect((await agent.get("v1", "ConfigMap", "default/mended"))?.["data"]).toEqual({ key: "1" });
  await agent.apply([appOf("mended", [configMapOf("default/mended", { key: "3" })], { revision: 3 })]);
  expect((await agent.get("v1", "ConfigMap", "default/mended"))?.["data"]).toEqual({ key: "3" });
  expect(agent.report("mended")).toMatchObject({ sync: "Applied", message: "", revision: 3 });
});
