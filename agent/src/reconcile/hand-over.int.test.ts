import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { APP_LABEL, ID_ANNOTATION } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "hand-over", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const inventoryOf = async (app: string) =>
  (await agent.get("axle.dev/v1alpha1", "AxleInventory", `axle-system/${app}`))?.["spec"];

test("S2: an object that moves to another app keeps its uid and changes its mark alone", async () => {
  const [kept, moved] = [configMapOf("default/kept"), configMapOf("default/moved")];
  await agent.apply([appOf("left", [kept, moved]), appOf("right", [configMapOf("default/own")])]);
  const before = await agent.get("v1", "ConfigMap", "default/moved");
  await agent.apply([
    appOf("left", [kept], { revision: 2 }),
    appOf("right", [configMapOf("default/own"), moved], { revision: 2 }),
  ]);
  const after = await agent.get("v1", "ConfigMap", "default/moved");
  expect(after?.metadata["uid"]).toBe(before?.metadata["uid"]);
  expect(after?.metadata.labels?.[APP_LABEL]).toBe("right");
  expect(after?.metadata.annotations?.[ID_ANNOTATION]).toBe("cluster-1/right:/ConfigMap/default/moved");
  expect(await inventoryOf("left")).toMatchObject({ objects: ["/ConfigMap/default/kept"] });
  expect(await inventoryOf("right")).toMatchObject({ objects: ["/ConfigMap/default/moved", "/ConfigMap/default/own"] });
});

test("S2: an app that is renamed keeps every object", async () => {
  const objects = Array.from({ length: 12 }, (_, index) => configMapOf(`default/renamed-${index}`));
  await agent.apply([appOf("old-name", objects)]);
  const before = await agent.get("v1", "ConfigMap", "default/renamed-7");
  expect(await agent.apply([appOf("new-name", objects)])).toEqual({ applied: true, retry: [] });
  expect((await agent.get("v1", "ConfigMap", "default/renamed-7"))?.metadata["uid"]).toBe(before?.metadata["uid"]);
  expect(agent.gone).toContain("old-name");
  expect(await inventoryOf("old-name")).toBeUndefined();
});

test("S2: an object whose new app is refused stays where it is", async () => {
  const moved = configMapOf("default/waits");
  await agent.apply([appOf("giver", [moved])]);
  const bad = { ...configMapOf("default/refused"), data: { key: 1 } };
  const outcome = await agent.apply([appOf("giver", []), appOf("taker", [moved, bad])]);
  expect(outcome.applied).toBe(false);
  expect(await agent.get("v1", "ConfigMap", "default/waits")).toBeDefined();
  expect(await inventoryOf("giver")).toMatchObject({ objects: ["/ConfigMap/default/waits"] });
});
