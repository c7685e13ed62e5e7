import { NO_GUARDRAILS } from "@axle/core/guard/guardrails.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "recreation", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const sealed = (name: string, value: string, annotations: Readonly<Record<string, string>> = {}): KubeObject => {
  const object = configMapOf(`default/${name}`, { key: value });
  return { ...object, metadata: { ...object.metadata, annotations }, immutable: true };
};
const read = (name: string) => agent.get("v1", "ConfigMap", `default/${name}`);

test("without force an object that cannot be changed in place fails the app, which says what would help", async () => {
  await agent.apply([appOf("kept", [sealed("kept", "1")])]);
  await agent.apply([appOf("kept", [sealed("kept", "2")], { revision: 2 })]);
  expect(agent.report("kept").sync).toBe("Failed");
  expect(agent.report("kept").message).toMatch(/immutable.*sync\.force or the annotation axle\.dev\/force: enabled/);
  expect((await read("kept"))?.["data"]).toEqual({ key: "1" });
});

test.for(["app", "annotation"])("forced by its %s it is recreated", async (by) => {
  const name = `forced-by-${by}`;
  const annotations = by === "annotation" ? { "axle.dev/force": "Enabled" } : {};
  const app = (value: string, revision: number) =>
    appOf(name, [sealed(name, value, annotations)], { revision, force: by === "app" });
  await agent.apply([app("1", 1)]);
  const before = await read(name);
  expect(await agent.apply([app("2", 2)])).toEqual({ applied: true, retry: [] });
  const after = await read(name);
  expect(after?.["data"]).toEqual({ key: "2" });
  expect(after?.metadata["uid"]).not.toBe(before?.metadata["uid"]);
  expect(agent.report(name)).toMatchObject({ sync: "Applied", drifts: [] });
});

test("S2: forced, nothing is deleted when the new object would not be accepted, is not ours, or is kept from deletion", async () => {
  const deployment = deploymentOf("default/broken");
  await agent.apply([appOf("broken", [deployment], { timeoutMs: 1 })]);
  const uid = async () => (await agent.get("apps/v1", "Deployment", "default/broken"))?.metadata["uid"];
  const before = await uid();
  // The selector no longer selects the template's pods.
  const spec = { ...(deployment["spec"] as object), selector: { matchLabels: { app: "other" } } };
  await agent.apply([appOf("broken", [{ ...deployment, spec }], { revision: 2, force: true, timeoutMs: 1 })]);
  expect(agent.report("broken").message).toContain("not recreated: the new object would not be accepted either");
  expect(await uid()).toBe(before);

  await cluster.pipeToKubectl(JSON.stringify(sealed("theirs", "1")), "create", "-f", "-");
  await agent.apply([appOf("theirs", [sealed("theirs", "2")], { force: true })]);
  expect(agent.report("theirs").message).toContain("not recreated: it is not ours to delete");
  expect((await read("theirs"))?.["data"]).toEqual({ key: "1" });

  const precious = (value: string) => [sealed("precious", value, { "axle.dev/prune": "disabled" })];
  await agent.apply([appOf("precious", precious("1"))]);
  await agent.apply([appOf("precious", precious("2"), { revision: 2, force: true })]);
  expect(agent.report("precious").message).toContain("not recreated: it is kept from deletion by annotation");
  expect((await read("precious"))?.["data"]).toEqual({ key: "1" });
});

const rbac = "rbac.authorization.k8s.io";
const KINDS: readonly { readonly kind: string; readonly field: string; readonly of: (value: string) => KubeObject }[] =
  [
    {
      kind: "RoleBinding",
      field: "roleRef",
      of: (value) => ({
        apiVersion: `${rbac}/v1`,
        kind: "RoleBinding",
        metadata: { name: "bound", namespace: "default" },
        roleRef: { apiGroup: rbac, kind: "ClusterRole", name: value },
        subjects: [{ apiGroup: rbac, kind: "User", name: "somebody" }],
      }),
    },
    {
      kind: "StorageClass",
      field: "provisioner",
      of: (value) => ({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "forced" },
        provisioner: `${value}.example`,
      }),
    },
    {
      kind: "PriorityClass",
      field: "value",
      of: (value) => ({
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: { name: "forced" },
        value: value.length,
      }),
    },
    {
      kind: "Secret",
      field: "type",
      of: (value) => ({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "forced", namespace: "default" },
        type: `example.com/${value}`,
      }),
    },
  ];

test.for(KINDS)(
  "a $kind whose $field changes is recreated with force, whatever words the server has for it",
  async ({ kind, of }) => {
    const app = (value: string, revision: number, force: boolean) =>
      appOf(`kind-${kind.toLowerCase()}`, [of(value)], { revision, force });
    await agent.apply([app("view", 1, true)]);
    await agent.apply([app("edit-more", 2, false)]);
    expect(agent.report(`kind-${kind.toLowerCase()}`).message).toContain("sync.force");
    expect(await agent.apply([app("edit-more", 2, true)])).toEqual({ applied: true, retry: [] });
  },
);

test("an object that is recreated by force counts against the cluster's budget", async () => {
  await using agent = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: "recreations",
    guardrails: { ...NO_GUARDRAILS, deletionsPerHour: 1 },
  });
  const frozen = (name: string, key: string) => ({
    ...configMapOf(`default/frozen-${name}`, { key }),
    immutable: true,
  });
  const both = (key: string) =>
    ["a", "b"].map((name) => appOf(`recreations-${name}`, [frozen(name, key)], { force: true }));
  await agent.apply(both("1"));
  const uidOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/frozen-${name}`))?.metadata.uid;
  const before = [await uidOf("a"), await uidOf("b")];
  const { applied } = await agent.apply(both("2"));
  expect(applied).toBe(false);
  const after = [await uidOf("a"), await uidOf("b")];
  expect(after.filter((uid, index) => uid !== before[index])).toHaveLength(1);
  const messages = ["recreations-a", "recreations-b"].map((app) => agent.report(app).message);
  expect(
    messages.filter((message) => message.includes("1 deletions in an hour are the cluster's budget")),
  ).toHaveLength(1);
});
