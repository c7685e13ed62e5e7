import type { IgnoreRule } from "@axle/core/fleet/app.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "ignored" });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

interface Spec {
  readonly replicas?: number;
  readonly template?: {
    readonly spec?: { readonly containers?: readonly { readonly name?: string; readonly image?: string }[] };
  };
}
const specOf = async (name: string): Promise<Spec> => {
  const live = await agent.get("apps/v1", "Deployment", `default/${name}`);
  return (live?.["spec"] ?? {}) as Spec;
};
const imageOf = async (name: string) => (await specOf(name)).template?.spec?.containers?.[0]?.image;
const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];
const ignoring = (app: DesiredApp, ...ignoreDifferences: readonly IgnoreRule[]): DesiredApp => ({
  ...app,
  settings: { ...app.settings, ignoreDifferences },
});
const autoscalerOf = (name: string, minReplicas: number): KubeObject => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name, namespace: "default" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
    minReplicas,
    maxReplicas: 9,
    metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } }],
  },
});
const web = (name: string, options: { image?: string; replicas?: number } = {}) =>
  deploymentOf(`default/${name}`, { replicas: 1, ...options });

/** When our manager last changed the deployment, and its generation: neither moves when nothing is written. */
async function appliedAt(name: string): Promise<string> {
  const live = await agent.get("apps/v1", "Deployment", `default/${name}`);
  const managers = (live?.metadata["managedFields"] ?? []) as readonly { manager: string; time: string }[];
  const ours = managers.find(({ manager }) => manager === "axle")?.time;
  return `${ours} ${String(live?.metadata["generation"])}`;
}

test.for(["of the app", "of somebody else"])("replicas stay as an autoscaler %s sets them", async (whose) => {
  const name = whose === "of the app" ? "scaled" : "scaled-live";
  const own = whose === "of the app" ? [autoscalerOf(name, 3)] : [];
  // The autoscaler has no metrics to go by here, so the app never becomes healthy.
  const app = (image: string, revision: number) =>
    appOf(name, [web(name, { image }), ...own], { revision, timeoutMs: 1 });
  await agent.apply([app("web:1", 1)]);
  if (own.length === 0) await cluster.pipeToKubectl(JSON.stringify(autoscalerOf(name, 3)), "apply", "-f", "-");
  await eventually(async () => expect((await specOf(name)).replicas).toBe(3), { timeoutMs: 60_000 });
  await agent.apply([app("web:2", 2)]);
  await cluster.kubectl("set", "image", `deployment/${name}`, "web=web:evil");
  await eventually(async () => expect(await imageOf(name)).toBe("web:2"));
  expect((await specOf(name)).replicas).toBe(3);
  const drifted = agent.report(name).drifts.flatMap(({ paths }) => paths);
  expect(drifted).toEqual(["spec.template.spec.containers[name=web].image"]);
  await using next = await ReconcileFixture.start(cluster);
  const applied = await appliedAt(name);
  await next.apply([app("web:2", 2)]);
  expect((await specOf(name)).replicas).toBe(3);
  expect(await appliedAt(name)).toBe(applied);
  await next.reconciler.verifyAll(next.signal);
  expect((await specOf(name)).replicas).toBe(3);
  expect(next.report(name).drifts).toEqual([]);
});

test("an ignored pointer keeps what others set, when it changes and when the rest is applied, until the rule goes", async () => {
  const objects = (image: string, note: string) => {
    const object = web("pointed", { image });
    return [{ ...object, metadata: { ...object.metadata, annotations: { note } } }];
  };
  const rule = { kind: "Deployment", name: "point*", jsonPointers: ["/spec/template/spec/containers/0/image"] };
  const app = (image: string, note: string, revision: number) => appOf("pointed", objects(image, note), { revision });
  await agent.apply([ignoring(app("web:1", "1", 1), rule)]);
  await cluster.kubectl("set", "image", "deployment/pointed", "web=web:theirs");
  await cluster.kubectl("annotate", "deployment", "pointed", "note=changed", "--overwrite");
  const noteOf = async () =>
    (await agent.get("apps/v1", "Deployment", "default/pointed"))?.metadata.annotations?.["note"];
  await eventually(async () => expect(await noteOf()).toBe("1"));
  expect(await imageOf("pointed")).toBe("web:theirs");
  await agent.apply([ignoring(app("web:2", "2", 2), rule)]);
  expect([await imageOf("pointed"), await noteOf()]).toEqual(["web:theirs", "2"]);
  await agent.reconciler.verifyAll(agent.signal);
  expect(await imageOf("pointed")).toBe("web:theirs");
  await agent.apply([app("web:2", "2", 2)]);
  expect(await imageOf("pointed")).toBe("web:2");
});

test("a value that only we own and that Git changes keeps its live value while it is ignored", async () => {
  const rule = { jsonPointers: ["/data/tuned"] };
  const app = (tuned: string, revision: number) =>
    ignoring(appOf("tuned", [configMapOf("default/tuned", { tuned, other: tuned })], { revision }), rule);
  await agent.apply([app("1", 1)]);
  await agent.apply([app("2", 2)]);
  expect(await dataOf("tuned")).toEqual({ tuned: "1", other: "2" });
});

test("whatever a named manager sets is left to it, what others set is not", async () => {
  const app = ignoring(appOf("managed", [configMapOf("default/managed", { a: "1", b: "1" })]), { managers: ["tuner"] });
  await agent.apply([app]);
  const set = (manager: string, data: Readonly<Record<string, string>>) =>
    cluster.request("PATCH", `/api/v1/namespaces/default/configmaps/managed?fieldManager=${manager}`, { data });
  await set("tuner", { a: "theirs" });
  await set("somebody", { b: "theirs" });
  await eventually(async () => expect(await dataOf("managed")).toEqual({ a: "theirs", b: "1" }));
});

test("what an expression selects is left to others, on detection and on apply: an item by its name, annotations by their prefix", async () => {
  const objects = (image: string, note: string) => {
    const object = web("selected", { image });
    const annotations = { "mesh.example/revision": note, note };
    return [{ ...object, metadata: { ...object.metadata, annotations } }];
  };
  const celPaths = [
    'spec.template.spec.containers.filter(c, c.name == "web").map(c, c.image)',
    'metadata.annotations.filter(key, key.startsWith("mesh.example/"))',
  ];
  const app = (image: string, note: string, revision: number) =>
    ignoring(appOf("selected", objects(image, note), { revision }), { kind: "Deployment", celPaths });
  const annotations = async () =>
    (await agent.get("apps/v1", "Deployment", "default/selected"))?.metadata.annotations ?? {};
  await agent.apply([app("web:1", "1", 1)]);
  await cluster.kubectl("set", "image", "deployment/selected", "web=web:theirs");
  await cluster.kubectl("annotate", "deployment", "selected", "mesh.example/revision=theirs", "--overwrite");
  await cluster.kubectl("annotate", "deployment", "selected", "note=theirs", "--overwrite");
  await eventually(async () => expect((await annotations())["note"]).toBe("1"));
  await agent.apply([app("web:2", "2", 2)]);
  await agent.reconciler.verifyAll(agent.signal);
  expect(await imageOf("selected")).toBe("web:theirs");
  expect(await annotations()).toMatchObject({ note: "2", "mesh.example/revision": "theirs" });
  const drifted = agent.report("selected").drifts.flatMap(({ paths }) => paths);
  expect(drifted).toEqual(["metadata.annotations.note"]);
});

test("a container that an expression selects is nobody's unknown field", async () => {
  const celPaths = ['spec.template.spec.containers.filter(c, c.name == "proxy")'];
  const app = (unknownFields: "report" | "remove") =>
    ignoring(appOf("meshed", [web("meshed")], { unknownFields, timeoutMs: 1 }), { kind: "Deployment", celPaths });
  await agent.apply([app("remove")]);
  const names = async () => ((await specOf("meshed")).template?.spec?.containers ?? []).map(({ name }) => name);
  const add = async (name: string) => {
    const containers = [{ name, image: "other:1" }];
    const path = "/apis/apps/v1/namespaces/default/deployments/meshed?fieldManager=mesh&force=true";
    const head = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "meshed" } };
    await cluster.request("PATCH", path, JSON.stringify({ ...head, spec: { template: { spec: { containers } } } }));
  };
  await add("proxy");
  await cluster.kubectl("annotate", "deployment", "meshed", "seen=1");
  await agent.reconciler.verifyAll(agent.signal);
  expect(await names()).toContain("proxy");
  expect(agent.report("meshed").drifts).toEqual([]);
});
