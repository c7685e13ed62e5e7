import { NO_GUARDRAILS } from "@axle/core/guard/guardrails.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "namespaces", workloads: false, audit: true });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string, deniedKinds: readonly string[] = []) =>
  ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: id,
    guardrails: { ...NO_GUARDRAILS, deniedKinds },
  });

/** With `sync.createNamespace`, unless said otherwise. */
function asking(name: string, namespace: string, objects: readonly KubeObject[], createNamespace = true): DesiredApp {
  const app = appOf(name, objects);
  const sync = { ...app.settings.sync, createNamespace };
  return { ...app, settings: { ...app.settings, namespace, sync } };
}

test("an app's namespace is made where nobody has it, for several apps of it at once, and stays when they go", async () => {
  await using agent = await agentOf("made");
  const one = asking("one", "made", [configMapOf("made/one")]);
  const others = ["two", "three", "four"].map((name) => asking(name, "made", [configMapOf(`made/${name}`)]));
  expect(await agent.apply([one, ...others])).toEqual({ applied: true, retry: [] });
  const namespace = await agent.get("v1", "Namespace", "made");
  expect(namespace?.metadata.annotations?.["axle.dev/created-for"]).toMatch(/^(one|two|three|four)$/);
  expect(namespace?.metadata.labels?.["axle.dev/app"]).toBeUndefined();
  await agent.apply(others);
  expect(await agent.get("v1", "ConfigMap", "made/one")).toBeUndefined();
  expect((await agent.get("v1", "Namespace", "made"))?.metadata.uid).toBe(namespace?.metadata.uid);
});

test("a namespace that an app of the slice declares is that app's to make", async () => {
  await using agent = await agentOf("declared");
  const outcome = await agent.apply([
    asking("guest", "declared", [configMapOf("declared/guest")]),
    appOf("host", [namespaceOf("declared")]),
  ]);
  expect(outcome).toEqual({ applied: true, retry: [] });
  const namespace = await agent.get("v1", "Namespace", "declared");
  expect(namespace?.metadata.labels?.["axle.dev/app"]).toBe("host");
  expect(namespace?.metadata.annotations?.["axle.dev/created-for"]).toBeUndefined();
});

test("a namespace that an app declares is not made for another, though something else of that one is refused", async () => {
  await using agent = await agentOf("owned");
  const invalid = { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "owned-invalid" }, spec: {} };
  const own = asking("own", "owned-a", [namespaceOf("owned-a"), configMapOf("owned-a/x"), invalid]);
  const guest = asking("guest", "owned-b", [configMapOf("owned-b/x"), invalid]);
  const host = { ...appOf("host", [namespaceOf("owned-b")]), dependsOn: [] };
  await agent.apply([own]);
  expect(agent.report("own").message).toContain("owned-invalid");
  expect(await agent.get("v1", "Namespace", "owned-a")).toBeUndefined();
  await agent.apply([guest, host]);
  const namespace = await agent.get("v1", "Namespace", "owned-b");
  expect(namespace?.metadata.annotations?.["axle.dev/created-for"]).toBeUndefined();
});

test("nothing is made without being asked for, in observe mode, behind a guardrail, or for another namespace", async () => {
  await using agent = await agentOf("refused");
  const watched = asking("watched", "refused-a", [configMapOf("refused-a/x")]);
  await agent.apply([
    asking("silent", "refused-b", [configMapOf("refused-b/x")], false),
    { ...watched, settings: { ...watched.settings, sync: { ...watched.settings.sync, mode: "observe" } } },
    asking("elsewhere", "refused-c", [configMapOf("refused-d/x")]),
  ]);
  expect(agent.report("silent").message).toContain("let sync.createNamespace make it");
  await using guarded = await agentOf("guarded", ["Namespace"]);
  await guarded.apply([asking("guarded", "refused-e", [configMapOf("refused-e/x")])]);
  for (const name of ["refused-a", "refused-b", "refused-d", "refused-e"]) {
    expect(await agent.get("v1", "Namespace", name), name).toBeUndefined();
  }
});
