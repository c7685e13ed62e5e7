import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "outage", workloads: false });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test("an API server that goes away fails the pass, nothing else; when it is back the pass works and drift is seen", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const apps = (value: string) => [appOf("web", [configMapOf("default/web", { key: value })])];
  await agent.apply(apps("1"));
  await cluster.stopApiServer();
  const pass = agent.reconciler.reconcile(agent.slice(apps("2"), { number: { epoch: 1, n: 90 } }), agent.signal);
  await expect(pass).rejects.toBeInstanceOf(KubeError);
  expect(agent.report("web")).toMatchObject({ sync: "Applied", revision: 1 });
  await cluster.startApiServer();
  expect(
    await agent.reconciler.reconcile(agent.slice(apps("2"), { number: { epoch: 1, n: 90 } }), agent.signal),
  ).toEqual({
    applied: true,
    retry: [],
  });
  await cluster.kubectl("delete", "configmap", "web");
  await eventually(
    async () => expect((await agent.get("v1", "ConfigMap", "default/web"))?.["data"]).toEqual({ key: "2" }),
    {
      timeoutMs: 60_000,
    },
  );
});
