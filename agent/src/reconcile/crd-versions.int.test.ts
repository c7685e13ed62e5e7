import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "versions", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const NAME = "gears.versions.example";
/** The first version has a field that the others do not. */
const crdOf = (...versions: readonly string[]): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: NAME },
  spec: {
    group: "versions.example",
    scope: "Namespaced",
    names: { kind: "Gear", plural: "gears" },
    versions: versions.map((name) => ({
      name,
      served: true,
      storage: name === versions.at(-1),
      schema: {
        openAPIV3Schema: {
          type: "object",
          properties: {
            spec: {
              type: "object",
              properties: {
                teeth: { type: "integer" },
                ...(name === "v1alpha1" ? { old: { type: "string" } } : { new: { type: "string" } }),
              },
            },
          },
        },
      },
    })),
  },
});
const gearOf = (version: string, spec: object): KubeObject => ({
  apiVersion: `versions.example/${version}`,
  kind: "Gear",
  metadata: { name: "gear", namespace: "default" },
  spec,
});
const read = (version: string) => agent.get(`versions.example/${version}`, "Gear", "default/gear");

test("S2: an object that moves to another version of its kind is the same object, also when the old version is no longer served", async () => {
  const gears = (objects: readonly KubeObject[], revision: number) => appOf("gears", objects, { revision });
  const bulk = appOf(
    "bulk",
    Array.from({ length: 10 }, (_, index) => configMapOf(`default/bulk-${index}`)),
  );
  await agent.apply([gears([crdOf("v1alpha1"), gearOf("v1alpha1", { teeth: 1, old: "x" })], 1), bulk]);
  const uid = (await read("v1alpha1"))?.metadata["uid"];
  await agent.apply([gears([crdOf("v1alpha1", "v1"), gearOf("v1alpha1", { teeth: 1, old: "x" })], 2), bulk]);
  // As a storage migration does it: written once more, the object is stored in the newer version.
  await cluster.kubectl("annotate", "gears.v1.versions.example", "gear", "migrated=1");
  await eventually(async () => {
    await cluster.request("PATCH", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${NAME}/status`, {
      status: { storedVersions: ["v1"] },
    });
    const outcome = await agent.apply([gears([crdOf("v1"), gearOf("v1", { teeth: 2, new: "y" })], 3), bulk]);
    expect(agent.report("gears").message).toBe("");
    expect(outcome).toEqual({ applied: true, retry: [] });
  });
  const live = await read("v1");
  expect(live?.metadata["uid"]).toBe(uid);
  expect(live?.["spec"]).toEqual({ teeth: 2, new: "y" });
  await agent.apply([gears([crdOf("v1"), gearOf("v1", { teeth: 2 })], 4), bulk]);
  expect((await read("v1"))?.["spec"]).toEqual({ teeth: 2 });
});
