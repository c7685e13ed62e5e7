import { createHash } from "node:crypto";
import { deletionSetText } from "@axle/core/guard/deletion-set.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { ID_ANNOTATION } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "prune" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Each test is an agent of its own, to whom what the others own is somebody else's. */
const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });

/** Enough around it that a deletion is small. */
const bulk = (prefix: string) => Array.from({ length: 20 }, (_, index) => configMapOf(`default/${prefix}-${index}`));

test("what leaves Git is deleted once the app is healthy, not before", async () => {
  await using agent = await agentOf("healthy");
  const old = configMapOf("default/old");
  await agent.apply([appOf("web", [old, deploymentOf("default/web")]), appOf("bulk-healthy", bulk("healthy"))]);
  await cluster.kubectl("cordon", "node-1");
  const rolling = agent.apply([
    appOf("web", [deploymentOf("default/web", { image: "registry.example/web:2" })], { revision: 2 }),
    appOf("bulk-healthy", bulk("healthy")),
  ]);
  await eventually(() => agent.report("web").sync === "Applied" && agent.report("web").health === "Progressing");
  expect(await agent.get("v1", "ConfigMap", "default/old")).toBeDefined();
  await cluster.kubectl("uncordon", "node-1");
  expect(await rolling).toEqual({ applied: true, retry: [] });
  expect(await agent.get("v1", "ConfigMap", "default/old")).toBeUndefined();
});

test("S2: an object that lost our mark, or carries one made for another object, outlives its removal from Git", async () => {
  await using agent = await agentOf("marks");
  const [copied, stripped, kept] = [
    configMapOf("default/copied"),
    configMapOf("default/stripped"),
    configMapOf("default/kept"),
  ];
  const rest = [appOf("bulk-marks", bulk("marks"))];
  await agent.apply([appOf("marks", [copied, stripped, kept], { selfHeal: false }), ...rest]);
  await cluster.kubectl(
    "annotate",
    "--overwrite",
    "configmap",
    "copied",
    `${ID_ANNOTATION}=marks/marks:/ConfigMap/default/other`,
  );
  await cluster.kubectl("annotate", "configmap", "stripped", `${ID_ANNOTATION}-`);
  await cluster.kubectl("annotate", "configmap", "kept", "axle.dev/prune=disabled");
  await agent.apply([appOf("marks", [], { selfHeal: false }), ...rest]);
  for (const name of ["copied", "stripped", "kept"]) {
    expect(await agent.get("v1", "ConfigMap", `default/${name}`), name).toBeDefined();
  }
});

test("what runs this agent outlives its removal from Git, and says so until it is kept by its own word", async () => {
  await using agent = await agentOf("self");
  const own = configMapOf("axle-system/settings");
  const rest = [appOf("bulk-self", bulk("self"))];
  await agent.apply([appOf("self", [own]), ...rest]);
  await agent.apply([appOf("self", [], { revision: 2 }), ...rest]);
  expect(agent.report("self").pruning).toEqual(["ConfigMap axle-system/settings: runs this agent"]);
  expect(await agent.get("v1", "ConfigMap", "axle-system/settings")).toBeDefined();
  await cluster.kubectl("-n", "axle-system", "annotate", "configmap", "settings", "axle.dev/prune=disabled");
  expect(await agent.apply([appOf("self", [], { revision: 2 }), ...rest])).toEqual({ applied: true, retry: [] });
  expect(agent.report("self").pruning).toEqual([]);
  expect(await agent.get("v1", "ConfigMap", "axle-system/settings")).toBeDefined();
});

/** A client to whom one object cannot be shown for a while. */
class ForgetfulClient extends KubeClient {
  hidden = "";

  override async get(...args: Parameters<KubeClient["get"]>): Promise<KubeObject | undefined> {
    if (args[0].name === this.hidden) throw new KubeError("forbidden", `cannot get ${this.hidden}`);
    return super.get(...args);
  }
}

test("an app does not fail because a deletion that is under way cannot be looked at", async () => {
  let client: ForgetfulClient | undefined;
  await using agent = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: "unseen",
    connect: (access) => (client = new ForgetfulClient(access)),
  });
  const bare = configMapOf("default/unseen");
  const slow = { ...bare, metadata: { ...bare.metadata, finalizers: ["shop.example/wait"] } };
  const without = appOf("unseen", [configMapOf("default/unseen-rest")], { revision: 2 });
  await agent.apply([
    appOf("unseen", [slow, configMapOf("default/unseen-rest")]),
    appOf("bulk-unseen", bulk("unseen")),
  ]);
  await agent.apply([without, appOf("bulk-unseen", bulk("unseen"))]);
  expect(agent.report("unseen").pruning).toHaveLength(1);
  if (client !== undefined) client.hidden = "unseen";
  await agent.apply([without, appOf("bulk-unseen", bulk("unseen"), { held: "does not render" })]);
  expect(agent.report("unseen")).toMatchObject({ sync: "Applied" });
  expect(agent.report("unseen").pruning).toHaveLength(1);
  await cluster.request("PATCH", "/api/v1/namespaces/default/configmaps/unseen", { metadata: { finalizers: null } });
});

test("S2: nothing is pruned while an app of the cluster is held", async () => {
  await using agent = await agentOf("held");
  const leaving = configMapOf("default/leaving");
  await agent.apply([appOf("keeper", [leaving]), appOf("bulk-held", bulk("held"))]);
  await agent.apply([appOf("keeper", []), appOf("bulk-held", bulk("held"), { held: "does not render" })]);
  expect(await agent.get("v1", "ConfigMap", "default/leaving")).toBeDefined();
  await agent.apply([appOf("keeper", []), appOf("bulk-held", bulk("held"))]);
  expect(await agent.get("v1", "ConfigMap", "default/leaving")).toBeUndefined();
});

test("S4: a large deletion waits, says why, and passes once by its approval", async () => {
  await using agent = await agentOf("large");
  const large = bulk("many");
  await agent.apply([appOf("large", large), appOf("bulk-large", bulk("large"))]);
  const without = () => [appOf("large", large.slice(0, 10), { revision: 2 }), appOf("bulk-large", bulk("large"))];
  expect((await agent.apply(without())).applied).toBe(true);
  const pending = agent.report("large").pendingDeletion;
  expect(pending?.objects).toHaveLength(10);
  expect(pending?.reason).toBe("10 of the app's 20 objects would be deleted");
  const text = deletionSetText("large", "large", pending?.objects ?? []);
  expect(pending?.hash).toBe(createHash("sha256").update(text).digest("hex"));
  const approval = { id: "yes-1", app: "large", hash: pending?.hash ?? "", expiresAtMs: Date.now() + 60_000 };

  await agent.apply(without(), { approvals: [{ ...approval, hash: "0".repeat(64) }] });
  expect(await agent.get("v1", "ConfigMap", "default/many-19")).toBeDefined();
  await agent.apply(without(), { approvals: [{ ...approval, expiresAtMs: Date.now() - 1 }] });
  expect(await agent.get("v1", "ConfigMap", "default/many-19")).toBeDefined();

  await agent.apply(without(), { approvals: [approval] });
  expect(await agent.get("v1", "ConfigMap", "default/many-19")).toBeUndefined();
  expect(agent.report("large").pendingDeletion).toBeUndefined();

  await agent.apply([appOf("large", large, { revision: 3 }), appOf("bulk-large", bulk("large"))], {
    approvals: [approval],
  });
  await agent.apply(without(), { approvals: [approval] });
  expect(await agent.get("v1", "ConfigMap", "default/many-19")).toBeDefined();
  expect(agent.report("large").pendingDeletion?.hash).toBe(pending?.hash);
});

test("S4: a removed app with a namespace waits, and goes once it is approved", async () => {
  await using agent = await agentOf("tenants");
  const apps = [
    appOf("bulk-tenants", bulk("tenants")),
    ...["x", "y", "z"].map((name) => appOf(name, [configMapOf(`default/${name}`)])),
  ];
  await agent.apply([appOf("tenant", [namespaceOf("tenant"), configMapOf("tenant/a")]), ...apps]);
  await agent.apply(apps);
  const pending = agent.report("tenant").pendingDeletion;
  expect(agent.report("tenant").sync).toBe("Blocked");
  expect(pending?.reason).toBe("Namespace tenant would be deleted");
  const approvals = [{ id: "yes-2", app: "tenant", hash: pending?.hash ?? "", expiresAtMs: Date.now() + 60_000 }];
  await agent.apply(apps, { approvals });
  await eventually(() => agent.gone.includes("tenant"));
  expect(await agent.get("v1", "Namespace", "tenant")).toBeUndefined();
});

test("a deletion that a finalizer blocks is reported, and finished when the finalizer goes", async () => {
  await using agent = await agentOf("finalizer");
  const guarded = {
    ...configMapOf("default/guarded"),
    metadata: { name: "guarded", namespace: "default", finalizers: ["shop.example/wait"] },
  };
  await agent.apply([
    appOf("blocked", [guarded, configMapOf("default/beside")]),
    appOf("bulk-finalizer", bulk("finalizer")),
  ]);
  const outcome = await agent.apply([
    appOf("blocked", [configMapOf("default/beside")]),
    appOf("bulk-finalizer", bulk("finalizer")),
  ]);
  expect(outcome).toEqual({ applied: true, retry: ["blocked"] });
  expect(agent.report("blocked").pruning).toEqual([
    "ConfigMap default/guarded: blocked by finalizer shop.example/wait",
  ]);
  await cluster.request("PATCH", "/api/v1/namespaces/default/configmaps/guarded", { metadata: { finalizers: null } });
  await eventually(() => agent.report("blocked").pruning.length === 0);
  const inventory = async () =>
    (await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/blocked"))?.["spec"];
  await eventually(async () => expect(await inventory()).toMatchObject({ objects: ["/ConfigMap/default/beside"] }));
});

test("what waits for its deletion is not brought back when people delete it themselves", async () => {
  await using agent = await agentOf("by-hand");
  const many = bulk("by-hand");
  await agent.apply([appOf("by-hand", many)]);
  await agent.apply([appOf("by-hand", many.slice(0, 5), { revision: 2 })]);
  expect(agent.report("by-hand").pendingDeletion?.objects).toHaveLength(15);
  await cluster.kubectl("delete", "configmap", "by-hand-18", "by-hand-19");
  const spec = async () => (await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/by-hand"))?.["spec"];
  await eventually(async () => expect(JSON.stringify(await spec())).not.toMatch(/by-hand-1[89]/));
  await agent.apply([appOf("by-hand", many.slice(0, 5), { revision: 2 })]);
  expect(agent.report("by-hand").pendingDeletion?.objects).toHaveLength(13);
  expect(await agent.get("v1", "ConfigMap", "default/by-hand-19")).toBeUndefined();
});

test("S4: a deletion that was under way when the agent stopped is not asked about again", async () => {
  const pvc = (finalizers: readonly string[]) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "default", finalizers },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
  const rest = [configMapOf("default/restart-rest")];
  {
    await using agent = await agentOf("restart");
    await agent.apply([appOf("restart", [...rest, pvc(["shop.example/wait"])], { timeoutMs: 1 })]);
    await agent.apply([appOf("restart", rest, { revision: 2 })]);
    const hash = agent.report("restart").pendingDeletion?.hash ?? "";
    const approvals = [{ id: "yes-3", app: "restart", hash, expiresAtMs: Date.now() + 60_000 }];
    await agent.apply([appOf("restart", rest, { revision: 2 })], { approvals });
    expect(agent.report("restart").pruning).toHaveLength(1);
  }
  await using agent = await agentOf("restart");
  await agent.apply([appOf("restart", rest, { revision: 2 })]);
  expect(agent.report("restart").pendingDeletion).toBeUndefined();
  expect(agent.report("restart").pruning[0]).toMatch(/^PersistentVolumeClaim default\/data: blocked by finalizer/);
  await cluster.request("PATCH", "/api/v1/namespaces/default/persistentvolumeclaims/data", {
    metadata: { finalizers: null },
  });
  await eventually(() => agent.report("restart").pruning.length === 0);
});
