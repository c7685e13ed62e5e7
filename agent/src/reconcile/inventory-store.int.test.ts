import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import { kubeconfigAccess } from "../adapters/kube/kubeconfig-access.ts";
import { setUpCluster } from "./cluster-setup.ts";
import { InventoryStore } from "./inventory-store.ts";

let cluster: KubeCluster;
let client: KubeClient;
const { signal } = new AbortController();
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "inventory", workloads: false });
  client = new KubeClient(await kubeconfigAccess(cluster.kubeconfigPath));
  await setUpCluster(client, signal);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `/ConfigMap/default/m-${from + index}`);
const reload = async (id: string) => {
  const store = new InventoryStore(client, id, 3);
  await store.load(signal);
  return store;
};

test("a large inventory is split, and read back whole", async () => {
  const store = new InventoryStore(client, "split", 3);
  await store.add("split", ids(0, 8), { prune: true, signal });
  expect(
    (await cluster.kubectl("get", "axleinventories", "-n", "axle-system", "-o", "name")).match(/split/g),
  ).toHaveLength(3);
  expect((await reload("split")).idsOf("split").toSorted()).toEqual(ids(0, 8));
});

test("ids never move between parts: dropping and adding leaves the others where they are", async () => {
  const store = new InventoryStore(client, "moves", 3);
  await store.add("moves", ids(0, 7), { prune: true, signal });
  await store.drop("moves", new Set(ids(1, 5)), signal);
  await store.add("moves", [...ids(0, 1), ...ids(10, 14)], { prune: false, signal });
  const again = await reload("moves");
  expect(again.idsOf("moves").toSorted()).toEqual([...ids(0, 1), ...ids(5, 7), ...ids(10, 14)].toSorted());
  expect(again.prunes("moves")).toBe(false);
});

test("what is there already is not written again", async () => {
  const store = new InventoryStore(client, "same", 3);
  await store.add("same", ids(0, 4), { prune: true, signal });
  const { writes } = client.counts;
  await store.add("same", ids(1, 3), { prune: true, signal });
  await store.drop("same", new Set(ids(7, 9)), signal);
  expect(client.counts.writes).toBe(writes);
});

test("an empty inventory is deleted with the app; another agent's is not ours to read", async () => {
  const store = new InventoryStore(client, "gone", 3);
  await store.add("gone", ids(0, 4), { prune: true, signal });
  expect((await reload("somebody-else")).apps).toEqual([]);
  await store.remove("gone", signal);
  expect((await reload("gone")).apps).toEqual(["gone"]);
  await store.drop("gone", new Set(ids(0, 4)), signal);
  await store.remove("gone", signal);
  expect((await reload("gone")).apps).toEqual([]);
});

test("kubectl shows how an app stands", async () => {
  const store = new InventoryStore(client, "shown", 3);
  await store.add("shown", ids(0, 1), { prune: true, signal });
  await store.writeStatus(
    "shown",
    { revision: 7, commit: "abc", sync: "Applied", health: "Healthy", objects: 1 },
    signal,
  );
  const lines = (await cluster.kubectl("get", "axleinventory", "shown", "-n", "axle-system")).split("\n");
  expect(lines[0]?.split(/\s+/)).toEqual(["NAME", "APP", "REVISION", "COMMIT", "SYNC", "HEALTH", "OBJECTS", "AGE"]);
  expect(lines[1]?.split(/\s+/).slice(0, 7)).toEqual(["shown", "shown", "7", "abc", "Applied", "Healthy", "1"]);
});
