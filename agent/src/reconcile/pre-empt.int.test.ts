import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "pre-empt" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test("a newer slice ends the wait for a revision that never becomes healthy", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const newer = new AbortController();
  const stuck = { ...deploymentOf("default/web"), metadata: { name: "web", namespace: "default" } };
  const unschedulable = JSON.parse(
    JSON.stringify(stuck).replace('"containers"', '"nodeSelector":{"no":"such"},"containers"'),
  );
  const waiting = agent.reconciler.reconcile(
    agent.slice([appOf("web", [unschedulable], { timeoutMs: 100_000 })], { number: { epoch: 1, n: 1 } }),
    newer.signal,
  );
  await eventually(() => agent.report("web").sync === "Applied" && agent.report("web").health === "Progressing");
  newer.abort(new Error("a newer slice"));
  await expect(waiting).rejects.toThrow("a newer slice");
  expect(await agent.apply([appOf("web", [stuck], { revision: 2 })])).toEqual({ applied: true, retry: [] });
  expect(agent.report("web")).toMatchObject({ sync: "Applied", health: "Healthy", revision: 2 });
});

test("an app that is not healthy in time counts as failed until it is", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  await cluster.kubectl("cordon", "node-1");
  const outcome = await agent.apply([appOf("late", [deploymentOf("default/late")], { timeoutMs: 1_000 })]);
  expect(outcome).toEqual({ applied: true, retry: ["late"] });
  expect(agent.report("late")).toMatchObject({ sync: "Failed", health: "Progressing" });
  expect(agent.report("late").message).toMatch(/^not healthy within 1 s: Deployment default\/late: /);
  await cluster.kubectl("uncordon", "node-1");
  await eventually(() => agent.report("late").sync === "Applied", { timeoutMs: 30_000 });
});
