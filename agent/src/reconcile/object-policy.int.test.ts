import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "policy", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];
const annotated = (name: string, annotations: Readonly<Record<string, string>>, value = "value"): KubeObject => {
  const object = configMapOf(`default/${name}`, { key: value });
  return { ...object, metadata: { ...object.metadata, annotations } };
};
const patch = (name: string, data: Readonly<Record<string, string>>) =>
  cluster.kubectl("patch", "configmap", name, "--type=merge", "-p", JSON.stringify({ data }));
/** Everything seen up to now has been judged when a later change of a plain object is undone. */
const settleDrift = async () => {
  await patch("plain", { key: "changed" });
  await eventually(async () => expect(await dataOf("plain")).toEqual({ key: "value" }));
};
const plain = appOf("plain", [configMapOf("default/plain")]);

test("S2: an app whose inventory is annotated is neither applied, corrected nor pruned, and goes on when the annotation goes", async () => {
  const app = (value: string, revision: number, more: readonly KubeObject[] = []) =>
    appOf("halted", [configMapOf("default/halted", { key: value }), ...more], { revision });
  await agent.apply([app("1", 1, [configMapOf("default/halted-extra")]), plain]);
  await cluster.kubectl("-n", "axle-system", "annotate", "axleinventory", "halted", "axle.dev/reconcile=disabled");
  await eventually(() => agent.report("halted").message === "paused in the cluster by annotation");
  await patch("halted", { key: "mine" });
  await settleDrift();
  expect(await agent.apply([app("2", 2), plain])).toEqual({ applied: false, retry: [] });
  expect(agent.report("halted")).toMatchObject({ sync: "Blocked", message: "paused in the cluster by annotation" });
  await agent.apply([plain]);
  expect(agent.report("halted")).toMatchObject({ sync: "Blocked", message: "paused in the cluster by annotation" });
  expect(await dataOf("halted")).toEqual({ key: "mine" });
  expect(await dataOf("halted-extra")).toEqual({ key: "value" });
  const before = agent.passesWanted;
  await cluster.kubectl("-n", "axle-system", "annotate", "axleinventory", "halted", "axle.dev/reconcile-");
  await eventually(() => agent.passesWanted > before);
  expect(await agent.apply([app("2", 2), plain])).toEqual({ applied: true, retry: [] });
  expect(agent.report("halted")).toMatchObject({ sync: "Applied", message: "" });
  expect(await dataOf("halted")).toEqual({ key: "2" });
  expect(await dataOf("halted-extra")).toBeUndefined();
});

test("S2: objects that are kept from pruning by our annotation, Flux's or Argo CD's outlive their removal from Git", async () => {
  const kept = [
    annotated("kept-ours", { "axle.dev/prune": "Disabled" }),
    annotated("kept-flux", { "kustomize.toolkit.fluxcd.io/prune": "disabled" }),
    annotated("kept-argo", { "argocd.argoproj.io/sync-options": "Validate=false, Prune=false" }),
    configMapOf("default/kept-live"),
  ];
  // So many that the share that goes needs nobody's word.
  const stay = Array.from({ length: 20 }, (_, index) => configMapOf(`default/stays-${index}`));
  await agent.apply([appOf("keep", [...kept, configMapOf("default/unkept"), ...stay]), plain]);
  await cluster.kubectl("annotate", "configmap", "kept-live", "axle.dev/prune=disabled");
  await agent.apply([appOf("keep", stay, { revision: 2 }), plain]);
  for (const { metadata } of kept) expect(await dataOf(metadata.name)).toBeDefined();
  expect(await dataOf("unkept")).toBeUndefined();
});

test("what is only made when it is not there is made once, left to others, and comes back when it is deleted", async () => {
  const once = (value: string) => annotated("once", { "axle.dev/apply": "ifNotPresent" }, value);
  await agent.apply([appOf("once", [once("1")]), plain]);
  expect(await dataOf("once")).toEqual({ key: "1" });
  await patch("once", { key: "mine" });
  await settleDrift();
  expect(await agent.apply([appOf("once", [once("2")], { revision: 2 }), plain])).toEqual({ applied: true, retry: [] });
  expect(await dataOf("once")).toEqual({ key: "mine" });
  await cluster.kubectl("delete", "configmap", "once");
  await eventually(async () => expect(await dataOf("once")).toEqual({ key: "2" }));
});

test("what is to be ignored is neither made nor changed, and is applied again when the word is taken back", async () => {
  const ignored = (value: string) => annotated("ignored", { "axle.dev/apply": "Ignore" }, value);
  await agent.apply([appOf("ignore", [ignored("1")]), plain]);
  expect(await dataOf("ignored")).toBeUndefined();
  await agent.apply([appOf("ignore", [configMapOf("default/ignored", { key: "2" })], { revision: 2 }), plain]);
  await agent.apply([appOf("ignore", [ignored("3")], { revision: 3 }), plain]);
  expect(await dataOf("ignored")).toEqual({ key: "2" });
  await patch("ignored", { key: "mine" });
  await settleDrift();
  expect(await dataOf("ignored")).toEqual({ key: "mine" });
  await agent.apply([appOf("ignore", [configMapOf("default/ignored", { key: "4" })], { revision: 4 }), plain]);
  expect(await dataOf("ignored")).toEqual({ key: "4" });
});

test("adopting with Merge keeps what others set beside ours, without it goes", async () => {
  for (const name of ["merged", "replaced"]) {
    await cluster.pipeToKubectl(JSON.stringify(configMapOf(`default/${name}`, { theirs: "1" })), "apply", "-f", "-");
  }
  await agent.apply([
    appOf("merge", [annotated("merged", { "axle.dev/apply": "merge" }), configMapOf("default/replaced")]),
    plain,
  ]);
  expect(await dataOf("merged")).toEqual({ theirs: "1", key: "value" });
  expect(await dataOf("replaced")).toEqual({ key: "value" });
});

test("S2: a pause outlives the agent that saw it", async () => {
  await agent.apply([appOf("asleep", [configMapOf("default/asleep")]), plain]);
  await cluster.kubectl("-n", "axle-system", "annotate", "axleinventory", "asleep", "axle.dev/reconcile=DISABLED");
  await patch("asleep", { key: "mine" });
  await using next = await ReconcileFixture.start(cluster);
  expect(await next.apply([appOf("asleep", [configMapOf("default/asleep", { key: "2" })]), plain])).toMatchObject({
    applied: false,
  });
  expect(await dataOf("asleep")).toEqual({ key: "mine" });
  await cluster.kubectl("-n", "axle-system", "annotate", "axleinventory", "asleep", "axle.dev/reconcile-");
});

test("S2: after a restart an object that people paused in the cluster does not hold its app up, though the server would refuse it", async () => {
  const app = (color: string, revision: number): DesiredApp => {
    const fixed = { ...configMapOf("default/paused-fixed", { color }), immutable: true };
    return appOf("paused-fixed", [fixed, configMapOf("default/paused-beside", { color })], { revision });
  };
  {
    await using other = await ReconcileFixture.start({
      kubeconfigPath: cluster.kubeconfigPath,
      cluster: "paused-fixed",
    });
    await other.apply([app("blue", 1)]);
    await cluster.kubectl("annotate", "configmap", "paused-fixed", "axle.dev/reconcile=disabled");
  }
  await using other = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: "paused-fixed" });
  expect(await other.apply([app("green", 2)])).toEqual({ applied: true, retry: [] });
  expect(await dataOf("paused-fixed")).toEqual({ color: "blue" });
  expect(await dataOf("paused-beside")).toEqual({ color: "green" });
});
