import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { APP_LABEL } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "deletion", audit: true });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });
const bulk = (prefix: string) =>
  Array.from({ length: 5 }, (_, app) =>
    appOf(
      `bulk-${prefix}-${app}`,
      Array.from({ length: 4 }, (_none, index) => configMapOf(`default/${prefix}-${app}-${index}`)),
    ),
  );
const annotated = (object: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, annotations },
});

test("S2: of an app that says orphan everything stays when it leaves the cluster, without our mark, but for what says otherwise", async () => {
  await using agent = await agentOf("orphan");
  const goes = annotated(configMapOf("default/orphan-goes"), { "axle.dev/deletion": "background" });
  const objects = [deploymentOf("default/orphan"), configMapOf("default/orphan-stays"), goes];
  await agent.apply([appOf("orphan", objects, { deletion: "orphan" }), ...bulk("orphan")]);
  await agent.apply(bulk("orphan"));
  await eventually(() => agent.gone.includes("orphan"));
  expect(await agent.get("v1", "ConfigMap", "default/orphan-goes")).toBeUndefined();
  for (const live of [
    await agent.get("v1", "ConfigMap", "default/orphan-stays"),
    await agent.get("apps/v1", "Deployment", "default/orphan"),
  ]) {
    expect(live?.metadata.labels?.[APP_LABEL]).toBeUndefined();
    expect(JSON.stringify(live?.metadata.annotations ?? {})).not.toContain("axle.dev/id");
  }
});

test("of an app that says foreground an object waits for what depends on it, and the status says so", async () => {
  await using agent = await agentOf("foreground");
  const app = (objects: readonly KubeObject[], revision: number) =>
    appOf("foreground", objects, { revision, deletion: "foreground" });
  const stays = configMapOf("default/foreground-stays");
  await agent.apply([app([deploymentOf("default/foreground"), stays], 1), ...bulk("foreground")]);
  const sets = await cluster.request<{ readonly items: readonly KubeObject[] }>(
    "GET",
    "/apis/apps/v1/namespaces/default/replicasets?labelSelector=app%3Dforeground",
  );
  const set = `/apis/apps/v1/namespaces/default/replicasets/${sets.items[0]?.metadata.name ?? ""}`;
  await cluster.request("PATCH", set, { metadata: { finalizers: ["shop.example/wait"] } });
  await agent.apply([app([stays], 2), ...bulk("foreground")]);
  await eventually(() => {
    expect(agent.report("foreground").pruning).toEqual([
      "Deployment default/foreground: blocked by finalizer foregroundDeletion",
    ]);
  });
  await cluster.request("PATCH", set, { metadata: { finalizers: null } });
  await eventually(() => agent.report("foreground").pruning.length === 0, { timeoutMs: 30_000 });
  expect(await agent.get("apps/v1", "Deployment", "default/foreground")).toBeUndefined();
});

test("an app that leaves the cluster is deleted in the reverse of the order of applying, and what the server does not delete is tried again", async () => {
  await using agent = await agentOf("leaves");
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "keeps" },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["DELETE"] }],
      },
      validations: [{ expression: "oldObject.metadata.name != 'leaves-kept'", message: "not now" }],
    },
  };
  const binding = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "keeps" },
    spec: { policyName: "keeps", validationActions: ["Deny"] },
  };
  const leaving = [
    configMapOf("default/leaves-kept"),
    configMapOf("default/leaves-gone"),
    deploymentOf("default/leaves"),
  ];
  await agent.apply([appOf("leaves", leaving), ...bulk("leaves")]);
  await cluster.request("POST", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", policy);
  await cluster.request("POST", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings", binding);
  await eventually(async () => {
    const probe = cluster.kubectl("delete", "configmap", "leaves-kept", "--dry-run=server");
    await expect(probe).rejects.toThrow(/not now/);
  });
  expect(await agent.apply(bulk("leaves"))).toEqual({ applied: true, retry: ["leaves"] });
  expect(agent.report("leaves").pruning).toEqual([expect.stringMatching(/^ConfigMap default\/leaves-kept: .*not now/)]);
  expect(await agent.get("v1", "ConfigMap", "default/leaves-gone")).toBeUndefined();
  const deleted = (await cluster.auditEvents())
    .filter(({ verb, requestURI }) => verb === "delete" && requestURI.includes("/leaves"))
    .filter(({ user, userAgent }) => user.username === "admin" && userAgent?.startsWith("kubectl") !== true)
    .map(({ requestURI }) => requestURI.replace(/.*\/default\/([a-z]+)\/.*/, "$1"));
  expect([...new Set(deleted)]).toEqual(["deployments", "configmaps"]);
  await cluster.kubectl("delete", "validatingadmissionpolicybinding", "keeps");
  await eventually(async () => {
    await agent.apply(bulk("leaves"));
    expect(agent.gone).toContain("leaves");
  });
  expect(await agent.get("v1", "ConfigMap", "default/leaves-kept")).toBeUndefined();
});

test.for([
  ["axle.dev/prune", "confirm", "Git"],
  ["argocd.argoproj.io/sync-options", "Prune=confirm", "Git"],
  ["axle.dev/prune", "confirm", "the cluster"],
])(
  "S4: an object with %s: %s in %s waits for a person, and goes once approved",
  async ([key = "", value = "", where]) => {
    const name = `asks-${where === "Git" ? "git" : "live"}-${key.startsWith("axle") ? "ours" : "theirs"}`;
    await using agent = await agentOf(name);
    const [asks, stays] = [configMapOf(`default/${name}`), configMapOf(`default/${name}-stays`)];
    await agent.apply([
      appOf(name, [where === "Git" ? annotated(asks, { [key]: value }) : asks, stays]),
      ...bulk(name),
    ]);
    if (where !== "Git") await cluster.kubectl("annotate", "configmap", name, `${key}=${value}`);
    const next = [appOf(name, [stays], { revision: 2 }), ...bulk(name)];
    await agent.apply(next);
    expect(await agent.get("v1", "ConfigMap", `default/${name}`)).toBeDefined();
    await agent.apply(next);
    const { pendingDeletion } = agent.report(name);
    expect(pendingDeletion?.reason).toBe(
      `ConfigMap default/${name} would be deleted, and asks by annotation for a person's yes`,
    );
    const hash = pendingDeletion?.hash ?? "";
    const approvals = [{ id: `yes-${name}`, app: name, hash, expiresAtMs: Date.now() + 60_000 }];
    expect(await agent.apply(next, { approvals })).toEqual({ applied: true, retry: [] });
    expect(await agent.get("v1", "ConfigMap", `default/${name}`)).toBeUndefined();
  },
);
