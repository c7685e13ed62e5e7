import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { managedEntriesOf } from "./field-set.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "take-over", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

interface Claim {
  readonly who: string;
  readonly named: string;
  readonly how: readonly string[];
  readonly metadata: (name: string) => Pick<KubeObject["metadata"], "labels" | "annotations">;
}

const CLAIMS: readonly Claim[] = [
  {
    who: "flux",
    named: "the Flux Kustomization flux-system/apps",
    how: ["--server-side", "--field-manager=kustomize-controller"],
    metadata: () => ({
      labels: {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
      },
    }),
  },
  {
    who: "argo",
    named: "the Argo CD application shop",
    how: ["--field-manager=argocd-controller"],
    metadata: (name) => ({
      annotations: { "argocd.argoproj.io/tracking-id": `shop:/ConfigMap:default/${name}` },
    }),
  },
  {
    who: "helm",
    named: "the Helm release default/web",
    how: ["--server-side", "--field-manager=helm"],
    metadata: () => ({
      labels: { "app.kubernetes.io/managed-by": "Helm" },
      annotations: { "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "default" },
    }),
  },
];

const claimed = ({ metadata }: Claim, name: string, data: Readonly<Record<string, string>>): string => {
  const object = configMapOf(`default/${name}`, data);
  return JSON.stringify({ ...object, metadata: { ...object.metadata, ...metadata(name) } });
};
const read = (name: string) => agent.get("v1", "ConfigMap", `default/${name}`);

test.for(CLAIMS)(
  "an object of $who is a conflict that names its owner and the setting that takes it over",
  async (claim) => {
    const name = `conflict-${claim.who}`;
    await cluster.pipeToKubectl(claimed(claim, name, { key: "theirs" }), "apply", "-f", "-", ...claim.how);
    const outcome = await agent.apply([appOf(name, [configMapOf(`default/${name}`)])]);
    expect(outcome).toEqual({ applied: false, retry: [name] });
    expect(agent.report(name).message).toBe(
      `ConfigMap default/${name}: owned by ${claim.named}; sync.adopt: AdoptAll takes it over`,
    );
    expect((await read(name))?.["data"]).toEqual({ key: "theirs" });
  },
);

test.for(CLAIMS)("with AdoptAll an object of $who keeps its uid and loses their marks and fields", async (claim) => {
  const name = `adopted-${claim.who}`;
  const theirs = claimed(claim, name, { key: "theirs", ghost: "theirs" });
  await cluster.pipeToKubectl(theirs, "apply", "-f", "-", ...claim.how);
  const before = await read(name);
  await agent.apply([appOf(name, [configMapOf(`default/${name}`)], { adopt: "AdoptAll" })]);
  const live = await read(name);
  expect(live?.metadata["uid"]).toBe(before?.metadata["uid"]);
  expect(live?.["data"]).toEqual({ key: "value" });
  const { labels = {}, annotations = {} } = live?.metadata ?? {};
  expect([...Object.keys(labels), ...Object.keys(annotations)].toSorted()).toEqual(["axle.dev/app", "axle.dev/id"]);
  expect(live === undefined ? [] : managedEntriesOf(live).map(({ manager }) => manager)).toEqual(["axle"]);
  expect(agent.report(name)).toMatchObject({ sync: "Applied", message: "" });
});

test("with AdoptAll another agent's object is taken, and the other does not delete it when it leaves its Git", async () => {
  await using other = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: "cluster-2" });
  await other.apply([appOf("theirs", [configMapOf("default/moved"), configMapOf("default/stays")])]);
  await agent.apply([appOf("ours", [configMapOf("default/moved", { key: "ours" })], { adopt: "AdoptAll" })]);
  await other.apply([appOf("theirs", [configMapOf("default/stays")], { revision: 2 })]);
  expect((await read("moved"))?.["data"]).toEqual({ key: "ours" });
});

test("with MustMatch an object that nobody claims is a conflict, one that is not there is made", async () => {
  await cluster.pipeToKubectl(JSON.stringify(configMapOf("default/unclaimed")), "apply", "-f", "-");
  await agent.apply([
    appOf("strict", [configMapOf("default/unclaimed")], { adopt: "MustMatch" }),
    appOf("fresh", [configMapOf("default/fresh")], { adopt: "MustMatch" }),
  ]);
  expect(agent.report("strict").message).toBe(
    "ConfigMap default/unclaimed: exists and is owned by nobody; sync.adopt: AdoptIfNoInventory takes it over",
  );
  expect(await read("fresh")).toBeDefined();
});

test("a tracking id that was copied from another object claims nothing", async () => {
  const [, argo] = CLAIMS;
  if (argo === undefined) return;
  const copy = JSON.parse(claimed(argo, "original", {}));
  copy.metadata.name = "copy";
  await cluster.pipeToKubectl(JSON.stringify(copy), "apply", "-f", "-");
  await agent.apply([appOf("copies", [configMapOf("default/copy")])]);
  expect(agent.report("copies").sync).toBe("Applied");
});
