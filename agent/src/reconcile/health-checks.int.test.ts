import type { HealthCheck } from "@axle/core/fleet/app.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "health-checks" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

function withChecks(app: DesiredApp, ...healthChecks: readonly HealthCheck[]): DesiredApp {
  return { ...app, settings: { ...app.settings, healthChecks } };
}

test("an app's own rule gives health, and a changed rule judges objects that did not change", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const objects = [namespaceOf("rules"), configMapOf("rules/settings", { ready: "no" })];
  const app = appOf("rules", objects, { timeoutMs: 500 });
  await agent.apply([withChecks(app, { kind: "ConfigMap", failed: "data.ready == 'no'" })]);
  expect(agent.report("rules")).toMatchObject({ health: "Degraded" });
  expect(agent.report("rules").healthMessage).toContain("data.ready == 'no'");
  const version = (await agent.get("v1", "ConfigMap", "rules/settings"))?.metadata["resourceVersion"];

  await agent.apply([withChecks(app, { kind: "ConfigMap", healthy: "has(data.ready)" })]);
  expect(agent.report("rules")).toMatchObject({ health: "Healthy", sync: "Applied" });
  expect((await agent.get("v1", "ConfigMap", "rules/settings"))?.metadata["resourceVersion"]).toBe(version);
});

test("a claim that nobody was asked to make a volume for holds nobody up", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "claims" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "late" },
  };
  await agent.apply([appOf("claims", [namespaceOf("claims"), claim], { timeoutMs: 20_000 })]);
  expect(agent.report("claims")).toMatchObject({ sync: "Applied", health: undefined });
});
