import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "lost-inventory", workloads: false });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const mapsOf = (app: string, names: string) => names.split("").map((name) => configMapOf(`default/${app}-${name}`));
const inventoryOf = async (agent: ReconcileFixture, app: string) =>
  agent.get("axle.dev/v1alpha1", "AxleInventory", `axle-system/${app}`);
const deleteInventory = (app: string) => cluster.kubectl("delete", "axleinventory", app, "--namespace=axle-system");
const isThere = async (agent: ReconcileFixture, name: string) =>
  (await agent.get("v1", "ConfigMap", `default/${name}`)) !== undefined;

test("S2: an inventory that somebody deletes is written again at once, with its status, and nothing else happens", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  await agent.apply([appOf("web", mapsOf("web", "abcdefg"))]);
  await eventually(async () =>
    expect((await inventoryOf(agent, "web"))?.["status"]).toMatchObject({ sync: "Applied" }),
  );
  const before = await inventoryOf(agent, "web");
  await deleteInventory("web");
  await eventually(async () => {
    const after = await inventoryOf(agent, "web");
    expect(after?.metadata["uid"]).not.toBe(before?.metadata["uid"]);
    expect([after?.["spec"], after?.["status"]]).toEqual([before?.["spec"], before?.["status"]]);
  });
  expect(await isThere(agent, "web-a")).toBe(true);
  await agent.apply([appOf("web", mapsOf("web", "abcdef"), { revision: 2 })]);
  expect(await isThere(agent, "web-g")).toBe(false);
});

test("S2: an inventory deleted while the agent is away is rebuilt from what is applied; what is beyond is told and kept", async () => {
  const start = () => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: "lost" });
  {
    await using agent = await start();
    await agent.apply([appOf("api", mapsOf("api", "abcdefgh"))]);
  }
  await deleteInventory("api");
  await using agent = await start();
  const uids = async () =>
    Promise.all(
      "abcdefgh"
        .split("")
        .map(async (name) => (await agent.get("v1", "ConfigMap", `default/api-${name}`))?.metadata["uid"]),
    );
  const before = await uids();
  const next = (names: string) => appOf("api", mapsOf("api", names), { revision: 2 });
  expect((await agent.apply([next("abcdef")])).applied).toBe(true);
  expect(await uids()).toEqual(before);
  expect((await inventoryOf(agent, "api"))?.["spec"]).toMatchObject({
    objects: "abcdef".split("").map((name) => `/ConfigMap/default/api-${name}`),
  });
  const text = "left in place, for no inventory has it though it carries the mark of this app";
  await eventually(() =>
    expect(agent.report("api").message).toBe(`${text}: ConfigMap default/api-g, ConfigMap default/api-h`),
  );

  await cluster.kubectl("delete", "configmap", "api-h");
  await eventually(() => expect(agent.report("api").message).toBe(`${text}: ConfigMap default/api-g`));
  await agent.apply([next("abcdefg")]);
  await eventually(() => expect(agent.report("api").message).toBe(""));
  await agent.apply([next("abcdef")]);
  expect(await isThere(agent, "api-g")).toBe(false);
});

test("what the agent remembers of itself is written anew when somebody deletes it", async () => {
  await using agent = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: "own" });
  const apps = [appOf("own", mapsOf("own", "a"))];
  await agent.apply(apps);
  const statusOf = async () => (await agent.get("axle.dev/v1alpha1", "AxleAgent", "axle-system/agent"))?.["status"];
  await eventually(async () => expect(await statusOf()).toMatchObject({ applied: {}, apps: 1 }));
  await cluster.kubectl("delete", "axleagent", "agent", "--namespace=axle-system");
  await agent.apply([...apps, appOf("two", mapsOf("two", "a"))]);
  await eventually(async () => {
    const { n } = (await agent.reconciler.readAccepted(agent.signal)) ?? { n: 0 };
    expect(await statusOf()).toMatchObject({ accepted: { epoch: 1, n }, applied: { epoch: 1, n }, apps: 2 });
  });
});
