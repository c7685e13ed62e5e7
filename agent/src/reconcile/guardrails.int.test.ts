import { NO_GUARDRAILS } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { APP_LABEL, ID_ANNOTATION } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "guardrails" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string, guardrails: Partial<Guardrails> = {}) =>
  ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: id,
    guardrails: { ...NO_GUARDRAILS, ...guardrails },
  });

const secretOf = (path: string): KubeObject => ({ ...configMapOf(path), kind: "Secret", data: {} });
const annotated = (object: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, annotations },
});

test("nothing of an app with an object of a denied kind or namespace is written; the others go on", async () => {
  await using agent = await agentOf("denied", { deniedKinds: ["Secret"], deniedNamespaces: ["kube-*"] });
  const outcome = await agent.apply([
    appOf("secretive", [configMapOf("default/with-secret"), secretOf("default/secret")]),
    appOf("nosy", [configMapOf("default/nosy"), configMapOf("kube-system/nosy")]),
    appOf("founder", [namespaceOf("kube-mine")]),
    appOf("good", [configMapOf("default/good")]),
  ]);
  expect(outcome).toEqual({ applied: false, retry: ["secretive", "nosy", "founder"] });
  expect(agent.report("secretive")).toMatchObject({
    sync: "Blocked",
    message: "guardrail deniedKinds (Secret) of this cluster forbids Secret default/secret",
  });
  expect(agent.report("nosy").message).toBe(
    "guardrail deniedNamespaces (kube-*) of this cluster forbids ConfigMap kube-system/nosy",
  );
  expect(await agent.get("v1", "ConfigMap", "default/with-secret")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/nosy")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/good")).toBeDefined();
});

test("S2: what a guardrail protects is neither deleted nor put right, though it was applied before", async () => {
  const apps = (...objects: KubeObject[]) => [
    appOf("before", [...objects, ...[1, 2, 3, 4, 5].map((n) => configMapOf(`default/before-${n}`))]),
  ];
  {
    await using agent = await agentOf("protected");
    await agent.apply(apps(secretOf("default/protected")));
  }
  await using agent = await agentOf("protected", { deniedKinds: ["Secret"] });
  expect(await agent.apply(apps())).toEqual({ applied: true, retry: ["before"] });
  expect(agent.report("before").pruning).toEqual([
    "Secret default/protected: guardrail deniedKinds (Secret) of this cluster keeps it",
  ]);
  expect(await agent.get("v1", "Secret", "default/protected")).toBeDefined();
  await agent.apply(apps(secretOf("default/protected")));
  expect(agent.report("before").sync).toBe("Blocked");
  await cluster.kubectl("delete", "configmap", "before-1");
  await agent.apply(apps(secretOf("default/protected")));
  expect(await agent.get("v1", "ConfigMap", "default/before-1")).toBeUndefined();
});

test("deletions over the cluster's budget wait, also after a restart", async () => {
  const objects = Array.from({ length: 20 }, (_, index) => configMapOf(`default/budget-${index}`));
  const left = async (agent: ReconcileFixture) => {
    const found = await Promise.all(
      objects.map(({ metadata }) => agent.get("v1", "ConfigMap", `default/${metadata.name}`)),
    );
    return found.filter((object) => object !== undefined).length;
  };
  {
    await using agent = await agentOf("budget", { deletionsPerHour: 3 });
    await agent.apply([appOf("budget", objects)]);
    expect(await agent.apply([appOf("budget", objects.slice(5))])).toEqual({ applied: true, retry: ["budget"] });
    expect(await left(agent)).toBe(17);
    expect(agent.report("budget").pruning).toHaveLength(2);
    expect(agent.report("budget").pruning[0]).toMatch(
      /^ConfigMap default\/budget-\d: waits: 3 deletions in an hour are the cluster's budget, room again at /,
    );
  }
  {
    await using agent = await agentOf("budget", { deletionsPerHour: 3 });
    await agent.apply([appOf("budget", objects.slice(5))]);
    expect(await left(agent)).toBe(17);
  }
  await using agent = await agentOf("budget", { deletionsPerHour: 5 });
  expect(await agent.apply([appOf("budget", objects.slice(5))])).toEqual({ applied: true, retry: [] });
  expect(await left(agent)).toBe(15);
});

test("an annotation says how an object goes: let stand without our mark, or foreground", async () => {
  await using agent = await agentOf("ways");
  const rest = [1, 2, 3, 4, 5].map((n) => configMapOf(`default/ways-${n}`));
  const stays = annotated(configMapOf("default/stays"), { "axle.dev/deletion": "orphan" });
  const goes = annotated(configMapOf("default/goes"), { "axle.dev/deletion": "foreground" });
  await agent.apply([appOf("ways", [stays, goes, ...rest])]);
  await agent.apply([appOf("ways", rest, { revision: 2 })]);
  await eventually(async () => expect(await agent.get("v1", "ConfigMap", "default/goes")).toBeUndefined());
  const orphan = await agent.get("v1", "ConfigMap", "default/stays");
  expect(orphan?.["data"]).toEqual({ key: "value" });
  expect(orphan?.metadata.labels?.[APP_LABEL]).toBeUndefined();
  expect(orphan?.metadata.annotations?.[ID_ANNOTATION]).toBeUndefined();
  expect(JSON.stringify(orphan?.metadata["managedFields"] ?? [])).not.toContain('"axle"');
  const inventory = await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/ways");
  expect(JSON.stringify(inventory?.["spec"])).not.toContain("stays");
  await agent.apply([appOf("ways", [configMapOf("default/stays", { key: "again" }), ...rest], { revision: 3 })]);
  expect((await agent.get("v1", "ConfigMap", "default/stays"))?.["data"]).toEqual({ key: "again" });
});

test("S5: what SOPS encrypted is never applied as it stands, in no kind, and the app says so; the others go on", async () => {
  await using agent = await agentOf("sealed");
  const sops = { mac: "ENC[AES256_GCM,data:bWFj,iv:aXY=,tag:dGFn,type:str]", version: "3.13.3" };
  const sealed: KubeObject = { ...configMapOf("default/sealed"), data: { a: "ENC[AES256_GCM,data:dg==]" }, sops };
  await agent.apply([appOf("sealed", [configMapOf("default/beside")]), appOf("good", [configMapOf("default/well")])]);
  const outcome = await agent.apply([
    appOf("sealed", [configMapOf("default/beside"), sealed, configMapOf("default/new")]),
    appOf("good", [configMapOf("default/well-too")]),
  ]);
  expect(outcome).toEqual({ applied: false, retry: ["sealed"] });
  expect(agent.report("sealed")).toMatchObject({ sync: "Blocked" });
  expect(agent.report("sealed").message).toContain("ConfigMap default/sealed is encrypted with SOPS");
  expect(await agent.get("v1", "ConfigMap", "default/sealed")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/new")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/beside")).toBeDefined();
  expect(await agent.get("v1", "ConfigMap", "default/well-too")).toBeDefined();
});
