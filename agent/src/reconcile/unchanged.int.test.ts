import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApplyOptions } from "../adapters/kube/kube-client.ts";
import { RecordingClient } from "./recording-client.test-support.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "unchanged" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const pack = (ns: string, value: string) => [
  namespaceOf(ns),
  configMapOf(`${ns}/a`, { value }),
  configMapOf(`${ns}/b`),
  { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: ns }, stringData: { password: "p" } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: ns },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }, { port: 53, protocol: "UDP", name: "dns" }].slice(0, 1) },
  },
  deploymentOf(`${ns}/web`),
];

test("a slice that changes one object writes that object alone", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  await agent.apply([appOf("one", pack("one", "1"))]);
  const version = async (kind: string, name: string, api = "v1") =>
    (await agent.get(api, kind, `one/${name}`))?.metadata["resourceVersion"];
  const before = [await version("ConfigMap", "b"), await version("Secret", "s"), await version("Service", "web")];
  const { requests } = agent.client.counts;
  expect(await agent.apply([appOf("one", pack("one", "2"), { revision: 2 })])).toEqual({ applied: true, retry: [] });
  // The fixture reads the number; then the number, a dry-run and the change are written.
  expect(agent.client.counts.requests - requests).toBeLessThanOrEqual(4 + 2);
  expect([await version("ConfigMap", "b"), await version("Secret", "s"), await version("Service", "web")]).toEqual(
    before,
  );
  expect((await agent.get("v1", "ConfigMap", "one/a"))?.["data"]).toEqual({ value: "2" });
});

test("L4: a slice that changes nothing costs no request", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const apps = () => [appOf("two", pack("two", "1"))];
  await agent.apply([...apps()]);
  const slice = agent.slice(apps());
  await agent.reconciler.reconcile(slice, agent.signal);
  const { requests } = agent.client.counts;
  expect(await agent.reconciler.reconcile(agent.slice(apps()), agent.signal)).toEqual({ applied: true, retry: [] });
  expect(agent.client.counts.requests - requests).toBeLessThanOrEqual(2);
});

/** An agent that tells every write it makes. */
async function startRecorded(
  Client = RecordingClient,
): Promise<{ readonly agent: ReconcileFixture; readonly written: readonly string[] }> {
  let written: readonly string[] = [];
  const agent = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: "recorded",
    connect: (access) => {
      const client = new Client(access);
      written = client.written;
      return client;
    },
  });
  return { agent, written };
}

/** Waits until status of the app and of the agent stand as they are to stay; returns the number that was applied. */
async function settled(agent: ReconcileFixture, app: string): Promise<SliceNumber> {
  return eventually(async () => {
    const inventory = await agent.get("axle.dev/v1alpha1", "AxleInventory", `axle-system/${app}`);
    expect(inventory?.["status"]).toMatchObject({ sync: "Applied", health: agent.report(app).health ?? "" });
    const own = await agent.get("axle.dev/v1alpha1", "AxleAgent", "axle-system/agent");
    const status = (own?.["status"] ?? {}) as Record<"accepted" | "applied", SliceNumber>;
    const { accepted, applied } = status;
    expect(applied).toEqual(accepted);
    return applied;
  });
}

const OWN_KINDS = [
  "apply CustomResourceDefinition/axleagents.axle.dev",
  "apply CustomResourceDefinition/axleinventories.axle.dev",
  "apply Namespace/axle-system",
];

test("L4: an agent that starts again with nothing changed writes its own kinds alone, and those stay as they are", async () => {
  const apps = [appOf("three", pack("three", "1"))];
  let number: SliceNumber;
  {
    const { agent } = await startRecorded();
    await using _ = agent;
    await agent.apply(apps);
    number = await settled(agent, "three");
  }
  const { agent, written } = await startRecorded();
  await using _ = agent;
  const objects: readonly KubeObject[] = apps[0]?.objects ?? [];
  const ours: readonly KubeObject[] = ["axleagents", "axleinventories"].map((name) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${name}.axle.dev` },
  }));
  const versions = () =>
    Promise.all(
      [...objects, ...ours].map(async ({ apiVersion, kind, metadata: { namespace, name } }) => {
        const live = await agent.get(apiVersion, kind, namespace === undefined ? name : `${namespace}/${name}`);
        // A Deployment's status is its controller's to write.
        return kind === "Deployment" ? live?.metadata["generation"] : live?.metadata["resourceVersion"];
      }),
    );
  const before = await versions();
  const slice = agent.slice(apps, { number });
  expect(await agent.reconciler.reconcile(slice, agent.signal)).toEqual({ applied: true, retry: [] });
  expect(agent.report("three")).toMatchObject({ sync: "Applied", health: "Healthy" });
  expect(await versions()).toEqual(before);
  expect(written.toSorted()).toEqual(OWN_KINDS);

  // A second app, and all that is written behind the work has been: none of it about the first.
  await agent.apply([...apps, appOf("four", [configMapOf("three/four")])]);
  await settled(agent, "four");
  expect(written.filter((line) => !OWN_KINDS.includes(line)).toSorted()).toEqual([
    "apply AxleInventory/four",
    "apply ConfigMap/four",
    expect.stringMatching(/^apply Event\/four\./),
    "patch AxleAgent/agent/status",
    "patch AxleAgent/agent/status",
    "patch AxleInventory/four/status",
  ]);
});

/** Where a controller annotates a Deployment just before and just after the first dry-run of it. */
class MeddledClient extends RecordingClient {
  #isMeddled = false;

  override async apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    if (options.dryRun !== true || object.kind !== "Deployment" || this.#isMeddled) return super.apply(object, options);
    this.#isMeddled = true;
    const meddle = (value: string) =>
      cluster.kubectl(
        "annotate",
        "deployment",
        "web",
        "--namespace=five",
        "--overwrite",
        `meddler.example/is=${value}`,
      );
    await meddle("before");
    const dryRun = await super.apply(object, options);
    await meddle("after");
    return dryRun;
  }
}

test("L4: an object that its controller changes between two looks at it is not taken for one that differs", async () => {
  // The server writes a quantity its own way, so that only a dry-run tells whether it is as declared.
  const resources = { limits: { cpu: "0.5" } };
  const containers = [{ name: "web", image: "registry.example/web:1", resources }];
  const web = deploymentOf("five/web");
  const template = { metadata: { labels: { app: "web" } }, spec: { containers } };
  const spec = { replicas: 1, selector: { matchLabels: { app: "web" } }, template };
  const apps = [appOf("five", [namespaceOf("five"), { ...web, spec }])];
  {
    const { agent } = await startRecorded();
    await using _ = agent;
    await agent.apply(apps);
  }
  const { agent, written } = await startRecorded(MeddledClient);
  await using _ = agent;
  expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
  expect(written.filter((line) => line.includes("Deployment"))).toEqual([]);
  expect(written.filter((line) => line.includes("Event/five"))).toEqual([]);
  const live = await agent.get("apps/v1", "Deployment", "five/web");
  expect(live?.metadata.annotations).toMatchObject({ "meddler.example/is": "after" });
});
