import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "events", workloads: false });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

interface EventList {
  readonly items: readonly {
    readonly reason: string;
    readonly message: string;
    readonly type: string;
    readonly count: number;
    readonly involvedObject: { readonly name: string; readonly uid: string };
  }[];
}

async function eventsOf(app: string) {
  const path = `/api/v1/namespaces/axle-system/events?fieldSelector=involvedObject.name%3D${app}`;
  return (await cluster.request<EventList>("GET", path)).items;
}

test("what happens to an app can be read from the Events of its inventory", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const objects = Array.from({ length: 10 }, (_, index) => configMapOf(`default/told-${index}`));
  await agent.apply([appOf("told", objects)]);
  await cluster.kubectl("patch", "configmap", "told-1", "--type=merge", "-p", '{"data":{"key":"mine"}}');
  await eventually(async () =>
    expect((await eventsOf("told")).map(({ reason }) => reason)).toContain("DriftCorrected"),
  );
  await agent.apply([appOf("told", objects.slice(6), { revision: 2 })]);
  await agent.apply([
    appOf("told", [...objects, { ...configMapOf("default/bad"), data: { key: 1 } }], { revision: 3 }),
  ]);
  await eventually(async () => expect(await eventsOf("told")).toHaveLength(4));
  const events = await eventsOf("told");
  const inventory = await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/told");
  expect(new Set(events.map(({ involvedObject }) => involvedObject.uid))).toEqual(
    new Set([inventory?.metadata["uid"]]),
  );
  expect(events.map(({ type, reason, message }) => `${type} ${reason}: ${message.slice(0, 60)}`).sort()).toEqual([
    "Normal Applied: revision 1 of commit c0ffee applied, 10 objects",
    "Normal DriftCorrected: ConfigMap default/told-1 changed by kubectl-patch at data.ke",
    "Warning DeletionWaits: 6 deletions wait for a person: 6 of the app's 10 objects wou",
    expect.stringMatching(/^Warning Failed: revision 3: ConfigMap default\/bad/),
  ]);
});

test("what happens again is counted, and an app that fails all day writes no flood", async () => {
  await using agent = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: "flood" });
  for (let revision = 1; revision <= 30; revision += 1) {
    await agent.apply([appOf("flood", [{ ...configMapOf("default/bad"), data: { key: revision % 2 } }], { revision })]);
  }
  await eventually(async () => expect((await eventsOf("flood")).length).toBeGreaterThan(0));
  expect((await eventsOf("flood")).length).toBeLessThanOrEqual(10);
});

test("a restart tells nothing again that stands since before, and counts on what does happen again", async () => {
  const bad = appOf("stands", [{ ...configMapOf("default/bad"), data: { key: 1 } }]);
  const good = appOf("stands", [configMapOf("default/bad")], { revision: 2 });
  const start = () => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: "stands" });
  const told = async () => (await eventsOf("stands")).map(({ reason, count }) => `${reason} ${count}`).sort();
  {
    await using agent = await start();
    await agent.apply([bad]);
    await eventually(async () => expect(await told()).toEqual(["Failed 1"]));
  }
  {
    await using agent = await start();
    await agent.apply([bad]);
    await agent.apply([good]);
    await eventually(async () => expect(await told()).toEqual(["Applied 1", "Failed 1"]));
    await agent.apply([bad]);
    await eventually(async () => expect(await told()).toEqual(["Applied 1", "Failed 2"]));
  }
  await using agent = await start();
  await agent.apply([good]);
  await agent.apply([bad]);
  await eventually(async () => expect(await told()).toEqual(["Applied 1", "Failed 3"]));
});
