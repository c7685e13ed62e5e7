import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "approved" });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const setOf = (name: string, serviceName: string): KubeObject => {
  const { spec, metadata } = deploymentOf(`default/${name}`) as KubeObject & { spec: object };
  return { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { ...spec, serviceName } };
};
const claimOf = (name: string, storageClassName: string): KubeObject => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: { accessModes: ["ReadWriteOnce"], storageClassName, resources: { requests: { storage: "1Gi" } } },
});
const crdOf = (scope: string): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "anvils.approved.example" },
  spec: {
    group: "approved.example",
    scope,
    names: { kind: "Anvil", plural: "anvils", singular: "anvil" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});
const uidOf = async (apiVersion: string, kind: string, path: string) =>
  (await agent.get(apiVersion, kind, path))?.metadata["uid"];
let approvals = 0;
const approvalOf = (app: string): DeletionApproval => {
  approvals += 1;
  const hash = agent.report(app).pendingDeletion?.hash ?? "";
  return { id: `yes-${approvals}`, app, hash, expiresAtMs: Date.now() + 60_000 };
};
const forced = (name: string, objects: readonly KubeObject[], revision: number) =>
  appOf(name, objects, { revision, force: true, timeoutMs: 10_000 });

test("S4: a StatefulSet is recreated once a person said yes to that very one, and its pods go on", async () => {
  await agent.apply([forced("data", [setOf("data", "a")], 1)]);
  const before = await uidOf("apps/v1", "StatefulSet", "default/data");
  const pod = await uidOf("v1", "Pod", "default/data-0");
  expect(pod).toBeDefined();
  expect((await agent.apply([forced("data", [setOf("data", "b")], 2)])).applied).toBe(false);
  expect(agent.report("data").message).toBe(
    "StatefulSet default/data: has to be deleted and made anew, which waits for a person (axle approve): its pods and volumes stay and are taken over by the new one",
  );
  expect(agent.report("data").pendingDeletion).toMatchObject({
    objects: ["apps/StatefulSet/default/data"],
    reason: expect.stringMatching(/^StatefulSet default\/data would be deleted and made anew/),
  });
  expect(await uidOf("apps/v1", "StatefulSet", "default/data")).toBe(before);

  const approval = approvalOf("data");
  const next = [forced("data", [setOf("data", "b")], 2)];
  await agent.apply(next, { approvals: [{ ...approval, hash: "0".repeat(64) }] });
  await agent.apply(next, { approvals: [{ ...approval, expiresAtMs: Date.now() - 1 }] });
  expect(await uidOf("apps/v1", "StatefulSet", "default/data")).toBe(before);

  expect(await agent.apply(next, { approvals: [approval] })).toEqual({ applied: true, retry: [] });
  const after = await uidOf("apps/v1", "StatefulSet", "default/data");
  expect(after).not.toBe(before);
  expect(await uidOf("v1", "Pod", "default/data-0")).toBe(pod);
  expect(agent.report("data")).toMatchObject({ sync: "Applied", drifts: [] });
  expect(agent.report("data").pendingDeletion).toBeUndefined();

  await agent.apply([forced("data", [setOf("data", "c")], 3)], { approvals: [approval] });
  expect(await uidOf("apps/v1", "StatefulSet", "default/data")).toBe(after);
  expect(agent.report("data").pendingDeletion?.hash).not.toBe(approval.hash);
});

test("S4: a volume claim is recreated on approval, also when its deletion outlasts the agent", async () => {
  const path = "/api/v1/namespaces/default/persistentvolumeclaims/claim";
  const next = [forced("claim", [claimOf("claim", "fast")], 2)];
  const read = () => agent.get("v1", "PersistentVolumeClaim", "default/claim");
  let before: unknown;
  {
    await using dying = await ReconcileFixture.start(cluster);
    await dying.apply([forced("claim", [claimOf("claim", "slow")], 1)]);
    before = (await read())?.metadata["uid"];
    await cluster.request("PATCH", path, { metadata: { finalizers: ["shop.example/wait"] } });
    await dying.apply(next);
    const { hash = "", reason } = dying.report("claim").pendingDeletion ?? {};
    expect(reason).toContain("its data may be lost");
    const approval = { id: "yes-claim", app: "claim", hash, expiresAtMs: Date.now() + 60_000 };
    dying.apply(next, { approvals: [approval] }).catch(() => undefined);
    await eventually(async () => (await read())?.metadata["deletionTimestamp"] !== undefined);
  }
  await using other = await ReconcileFixture.start(cluster);
  const pass = other.apply(next);
  await eventually(() => other.reports.get("claim")?.sync === "Applying");
  await cluster.request("PATCH", path, { metadata: { finalizers: null } });
  expect(await pass).toEqual({ applied: true, retry: [] });
  const live = await read();
  expect(live?.metadata["uid"]).not.toBe(before);
  expect(live?.["spec"]).toMatchObject({ storageClassName: "fast" });
});

test("S4: a definition is recreated on approval, and objects of its kind that Git has come back", async () => {
  const anvil = (namespace?: string): KubeObject => ({
    apiVersion: "approved.example/v1",
    kind: "Anvil",
    metadata: { name: "one", ...(namespace === undefined ? {} : { namespace }) },
  });
  await agent.apply([forced("anvils", [crdOf("Namespaced"), anvil("default")], 1)]);
  const before = await uidOf("apiextensions.k8s.io/v1", "CustomResourceDefinition", "anvils.approved.example");
  const next = [forced("anvils", [crdOf("Cluster"), anvil()], 2)];
  await agent.apply(next);
  expect(agent.report("anvils").pendingDeletion?.reason).toContain("every object of the kind is deleted with it");
  const given = [approvalOf("anvils")];
  await agent.apply(next, { approvals: given });
  await eventually(async () => {
    expect(await agent.apply(next)).toEqual({ applied: true, retry: [] });
    expect(await agent.get("approved.example/v1", "Anvil", "one")).toBeDefined();
  });
  expect(await uidOf("apiextensions.k8s.io/v1", "CustomResourceDefinition", "anvils.approved.example")).not.toBe(
    before,
  );
});

test("S4: an approval of a recreation is not used up while another object of the app is refused", async () => {
  await agent.apply([forced("both", [setOf("both", "a")], 1)]);
  await agent.apply([forced("both", [setOf("both", "b")], 2)]);
  const given = [approvalOf("both")];
  const unknown = { apiVersion: "nowhere.example/v1", kind: "Nothing", metadata: { name: "x", namespace: "default" } };
  await agent.apply([forced("both", [setOf("both", "b"), unknown], 3)], { approvals: given });
  expect(agent.report("both").message).toContain("knows no kind Nothing");
  expect(await agent.apply([forced("both", [setOf("both", "b")], 4)], { approvals: given })).toMatchObject({
    applied: true,
  });
});

test.for([
  ["prune: confirm", { "axle.dev/prune": "confirm" }],
  ["Delete=confirm", { "argocd.argoproj.io/sync-options": "Delete=confirm" }],
] as const)(
  "S4: an object that asks for it in Git by %s is recreated only once a person said yes",
  async ([word, annotations]) => {
    const name = `asks-${word.slice(0, 5).toLowerCase()}`;
    const app = (color: string, revision: number) => {
      const metadata = { name, namespace: "default", annotations };
      return forced(
        name,
        [{ apiVersion: "v1", kind: "ConfigMap", metadata, immutable: true, data: { color } }],
        revision,
      );
    };
    await agent.apply([app("blue", 1)]);
    const before = await uidOf("v1", "ConfigMap", `default/${name}`);
    expect((await agent.apply([app("green", 2)])).applied).toBe(false);
    expect(await uidOf("v1", "ConfigMap", `default/${name}`)).toBe(before);
    expect(agent.report(name).pendingDeletion?.reason).toContain("asks by annotation for a person's yes");
    expect((await agent.apply([app("green", 2)], { approvals: [approvalOf(name)] })).applied).toBe(true);
    expect(await uidOf("v1", "ConfigMap", `default/${name}`)).not.toBe(before);
  },
);

test("S2: an object that Git keeps from deletion is not recreated, though the cluster's word is older", async () => {
  const app = (color: string, annotations: Readonly<Record<string, string>>, revision: number) => {
    const metadata = { name: "kept", namespace: "default", annotations };
    return forced(
      "kept",
      [{ apiVersion: "v1", kind: "ConfigMap", metadata, immutable: true, data: { color } }],
      revision,
    );
  };
  await agent.apply([app("blue", {}, 1)]);
  const before = await uidOf("v1", "ConfigMap", "default/kept");
  await agent.apply([app("green", { "axle.dev/prune": "disabled" }, 2)]);
  expect(agent.report("kept").message).toContain("kept from deletion by annotation");
  expect(await uidOf("v1", "ConfigMap", "default/kept")).toBe(before);
});
