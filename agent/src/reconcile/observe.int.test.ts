import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { APP_LABEL } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "observe" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });

/** As another tool left it: applied under its manager, with its marks. */
async function applyAs(manager: string, objects: readonly KubeObject[]): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await cluster.pipeToKubectl(JSON.stringify(list), "apply", "--server-side", `--field-manager=${manager}`, "-f", "-");
}

const marked = (object: KubeObject, marks: Partial<Pick<KubeObject["metadata"], "labels" | "annotations">>) => ({
  ...object,
  metadata: { ...object.metadata, ...marks },
});

test("an observed app is planned and reported, with what stands unmanaged beside it, and nothing is written", async () => {
  await using agent = await agentOf("observer");
  await cluster.kubectl("create", "namespace", "seen");
  await applyAs("helm", [configMapOf("seen/taken", { key: "old" }), deploymentOf("seen/stray")]);
  const before = await agent.get("v1", "ConfigMap", "seen/taken");
  const app = appOf(
    "seen",
    [configMapOf("seen/new"), configMapOf("seen/taken"), configMapOf("fresh/new"), namespaceOf("fresh")],
    {
      mode: "observe",
    },
  );
  expect(await agent.apply([app])).toEqual({ applied: true, retry: [] });
  expect(agent.report("seen")).toMatchObject({
    sync: "Pending",
    message: "observing: would create 3, adopt 1, change 0; 1 unmanaged in namespace seen",
    plan: {
      create: ["/ConfigMap/fresh/new", "/ConfigMap/seen/new", "/Namespace//fresh"],
      adopt: ["/ConfigMap/seen/taken"],
      change: [],
      unmanaged: ["apps/Deployment/seen/stray"],
    },
  });
  expect(await agent.get("v1", "ConfigMap", "seen/taken")).toEqual(before);
  expect(await agent.get("v1", "ConfigMap", "seen/new")).toBeUndefined();
  expect(await agent.get("v1", "Namespace", "fresh")).toBeUndefined();
  expect(await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/seen")).toBeUndefined();

  expect(
    await agent.apply([{ ...app, settings: { ...app.settings, sync: { ...app.settings.sync, mode: "auto" } } }]),
  ).toEqual({
    applied: true,
    retry: [],
  });
  expect(agent.report("seen")).toMatchObject({ sync: "Applied", message: "" });
  expect(agent.report("seen").plan).toBeUndefined();
});

test.each([
  {
    tool: "Flux",
    manager: "kustomize-controller",
    marks: {
      labels: { "kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" },
    },
  },
  {
    tool: "Argo CD",
    manager: "argocd-controller",
    marks: { annotations: { "argocd.argoproj.io/tracking-id": "web:/ConfigMap:default/web" } },
  },
])(
  "S2: what $tool applied is taken over without a deletion, and what Git does not declare goes from it",
  async ({ manager, marks }) => {
    await using agent = await agentOf(manager);
    const name = `default/${manager}`;
    await applyAs(manager, [
      marked(configMapOf(name, { kept: "1", dropped: "1" }), marks),
      marked(deploymentOf(name), marks),
    ]);
    const uids = async () =>
      Promise.all([agent.get("v1", "ConfigMap", name), agent.get("apps/v1", "Deployment", name)]).then((found) =>
        found.map((object) => object?.metadata["uid"]),
      );
    const before = await uids();
    const objects = [configMapOf(name, { kept: "1" }), deploymentOf(name)];
    await agent.apply([appOf("taken", objects, { mode: "observe", adopt: "AdoptAll" })]);
    expect(agent.report("taken").message).toMatch(/^observing: would create 0, adopt 2, change 0/);
    expect(await agent.apply([appOf("taken", objects, { adopt: "AdoptAll" })])).toEqual({ applied: true, retry: [] });
    expect(await uids()).toEqual(before);
    const live = await agent.get("v1", "ConfigMap", name);
    expect(live?.["data"]).toEqual({ kept: "1" });
    expect(live?.metadata.labels).toEqual({ [APP_LABEL]: "taken" });
    expect(JSON.stringify(live?.metadata)).not.toMatch(/fluxcd|argoproj/);
  },
);

test("what the server would refuse is part of the report, beside what it would take", async () => {
  await using agent = await agentOf("refused");
  const bad: KubeObject = { ...configMapOf("default/bad"), data: { key: 1 } };
  await agent.apply([appOf("mixed", [bad, configMapOf("default/fine")], { mode: "observe" })]);
  expect(agent.report("mixed").sync).toBe("Pending");
  expect(agent.report("mixed").message).toMatch(
    /^observing: would create 1, adopt 0, change 0; 1 would be refused: ConfigMap default\/bad: /,
  );
});
