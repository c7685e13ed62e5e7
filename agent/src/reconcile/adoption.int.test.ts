import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { managedEntriesOf } from "./field-set.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "adoption", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const manifest = (name: string, data: Readonly<Record<string, string>>) =>
  JSON.stringify(configMapOf(`default/${name}`, data));

test.for(["--server-side=false", "--server-side --field-manager=helm"])(
  "an object made by kubectl apply %s is adopted with its uid, and what Git does not declare is removed",
  async (flags, context) => {
    const name = `adopted-${context.task.id.replaceAll(/[^a-z0-9]/g, "")}`;
    await cluster.pipeToKubectl(
      manifest(name, { kept: "old", extra: "ghost" }),
      "apply",
      "-f",
      "-",
      ...flags.split(" "),
    );
    const before = await agent.get("v1", "ConfigMap", `default/${name}`);
    await agent.apply([appOf("adopts", [configMapOf(`default/${name}`, { kept: "new" })])]);
    const live = await agent.get("v1", "ConfigMap", `default/${name}`);
    expect(live?.["data"]).toEqual({ kept: "new" });
    expect(live?.metadata["uid"]).toBe(before?.metadata["uid"]);
    expect(live?.metadata.annotations).not.toHaveProperty("kubectl.kubernetes.io/last-applied-configuration");
    expect(live === undefined ? [] : managedEntriesOf(live).map((entry) => entry.manager)).toEqual(["axle"]);
  },
);

test("fields of controllers are left to them on adoption", async () => {
  await cluster.request(
    "PATCH",
    "/api/v1/namespaces/default/configmaps/shared?fieldManager=some-controller&force=true",
    manifest("shared", { theirs: "1" }),
  );
  await agent.apply([appOf("shares", [configMapOf("default/shared", { ours: "1" })])]);
  expect((await agent.get("v1", "ConfigMap", "default/shared"))?.["data"]).toEqual({ ours: "1", theirs: "1" });
});

test("an object of another Axle agent is not touched, and its owner is named", async () => {
  const name = "default/foreign";
  await using other = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: "cluster-2",
  });
  await other.apply([appOf("theirs", [configMapOf(name)])]);
  const outcome = await agent.apply([appOf("ours", [configMapOf(name, { key: "taken" })])]);
  expect(outcome.applied).toBe(false);
  expect(agent.report("ours")).toMatchObject({
    sync: "Failed",
    message:
      "ConfigMap default/foreign: owned by app theirs of the Axle agent with cluster id cluster-2; sync.adopt: AdoptAll takes it over",
  });
  expect((await agent.get("v1", "ConfigMap", name))?.["data"]).toEqual({ key: "value" });
});

test("observing tells what would be done and writes nothing", async () => {
  await cluster.pipeToKubectl(manifest("watched", { key: "theirs" }), "apply", "-f", "-");
  const before = await agent.get("v1", "ConfigMap", "default/watched");
  await agent.apply([
    appOf("observer", [configMapOf("default/watched"), configMapOf("default/unborn")], { mode: "observe" }),
  ]);
  expect(agent.report("observer")).toMatchObject({
    sync: "Pending",
    message: expect.stringMatching(/^observing: would create 1, adopt 1, change 0/),
  });
  expect(await agent.get("v1", "ConfigMap", "default/unborn")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/watched")).toEqual(before);
  expect(await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/observer")).toBeUndefined();
});
