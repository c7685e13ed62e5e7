import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "recreation", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const sealed = (name: string, value: string, annotations: Readonly<Record<string, string>> = {}): KubeObject => {
  const object = configMapOf(`default/${name}`, { key: value });
  return { ...object, metadata: { ...object.metadata, annotations }, immutable: true };
};
const read = (name: string) => agent.get("v1", "ConfigMap", `default/${name}`);

test("without force an object that cannot be changed in place fails the app, which says what would help", async () => {
  await agent.apply([appOf("kept", [sealed("kept", "1")])]);
  await agent.apply([appOf("kept", [sealed("kept", "2")], { revision: 2 })]);
  expect(agent.report("kept").sync).toBe("Failed");
  expect(agent.report("kept").message).toMatch(/immutable.*sync\.force or the annotation axle\.dev\/force: enabled/);
  expect((await read("kept"))?.["data"]).toEqual({ key: "1" });
});

test.for(["app", "annotation"])("forced by its %s it is recreated", async (by) => {
  const name = `forced-by-${by}`;
  const annotations = by === "annotation" ? { "axle.dev/force": "Enabled" } : {};
  const app = (value: string, revision: number) =>
    appOf(name, [sealed(name, value, annotations)], { revision, force: by === "app" });
  await agent.apply([app("1", 1)]);
  const before = await read(name);
  expect(await agent.apply([app("2", 2)])).toEqual({ applied: true, retry: [] });
  const after = await read(name);
  expect(after?.["data"]).toEqual({ key: "2" });
  expect(after?.metadata["uid"]).not.toBe(before?.metadata["uid"]);
  expect(agent.report(name)).toMatchObject({ sync: "Applied", drifts: [] });
});

test("S2: forced, nothing is deleted when the new object would not be accepted, is not ours, or is kept from deletion", async () => {
  const deployment = deploymentOf("default/broken");
  await agent.apply([appOf("broken", [deployment], { timeoutMs: 1 })]);
  const uid = async () => (await agent.get("apps/v1", "Deployment", "default/broken"))?.metadata["uid"];
  const before = await uid();
  // The selector no longer selects the template's pods.
  const spec = { ...(deployment["spec"] as object), selector: { matchLabels: { app: "other" } } };
  await agent.apply([appOf("broken", [{ ...deployment, spec }], { revision: 2, force: true, timeoutMs: 1 })]);
  expect(agent.report("broken").message).toContain("not recreated: the new object would not be accepted either");
  expect(await uid()).toBe(before);

  await cluster.pipeToKubectl(JSON.stringify(sealed("theirs", "1")), "create", "-f", "-");
  await agent.apply([appOf("theirs", [sealed("theirs", "2")], { force: true })]);
  expect(agent.report("theirs").message).toContain("not recreated: it is not ours to delete");
  expect((await read("theirs"))?.["data"]).toEqual({ key: "1" });

  const precious = (value: string) => [sealed("precious", value, { "axle.dev/prune": "disabled" })];
  await agent.apply([appOf("precious", precious("1"))]);
  await agent.apply([appOf("precious", precious("2"), { revision: 2, force: true })]);
  expect(agent.report("precious").message).toContain("not recreated: it is kept from deletion by annotation");
  expect((await read("precious"))?.["data"]).toEqual({ key: "1" });
});

test("S4: what holds data is never recreated; the report says what to do", async () => {
  const set = (serviceName: string): KubeObject => {
    const { spec, metadata } = deploymentOf("default/data") as KubeObject & { spec: object };
    return { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { ...spec, serviceName } };
  };
  await agent.apply([appOf("data", [set("a")], { timeoutMs: 1 })]);
  const uid = async () => (await agent.get("apps/v1", "StatefulSet", "default/data"))?.metadata["uid"];
  const before = await uid();
  await agent.apply([appOf("data", [set("b")], { revision: 2, force: true, timeoutMs: 1 })]);
  expect(agent.report("data").message).toContain("not recreated: delete it with kubectl delete --cascade=orphan");
  expect(await uid()).toBe(before);
});
