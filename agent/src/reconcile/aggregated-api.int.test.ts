import type { KubeObject } from "@axle/core/manifest/object.ts";
import { ExtensionServer } from "@axle/testkit/extension-server.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let extension: ExtensionServer;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "aggregated", workloads: false });
  extension = await ExtensionServer.start({ group: "forge.example", version: "v1", kind: "Anvil", resource: "anvils" });
  await extension.register(cluster);
});
afterAll(async () => {
  await extension?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** Each test is an agent of its own, to whom what the others own is somebody else's. */
const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });
const anvilOf = (name: string, weight: number): KubeObject => ({
  apiVersion: "forge.example/v1",
  kind: "Anvil",
  metadata: { name, namespace: "default" },
  spec: { weight },
});
const weightOf = (name: string) => extension.api.objects.get(`default/${name}`)?.["spec"];
const writes = () => extension.requests.filter((line) => !line.startsWith("GET") && !line.includes("dryRun"));

test("objects of a kind without server-side apply are created, updated only when they differ, and pruned", async () => {
  await using agent = await agentOf("first");
  const bulk = appOf("bulk", [configMapOf("default/a"), configMapOf("default/b"), configMapOf("default/c")]);
  const anvils = (weight: number, revision: number) =>
    appOf("anvils", [anvilOf("one", weight), anvilOf("two", 1)], { revision });
  // The server learns a moment after the registration what is served there.
  await eventually(async () => expect(await agent.apply([anvils(1, 1), bulk])).toEqual({ applied: true, retry: [] }));
  expect(weightOf("one")).toEqual({ weight: 1 });
  const before = writes().length;
  expect(await agent.apply([anvils(2, 2), bulk])).toEqual({ applied: true, retry: [] });
  expect(weightOf("one")).toEqual({ weight: 2 });
  expect(writes().slice(before)).toEqual([expect.stringMatching(/^PUT .*\/anvils\/one\?/)]);
  await agent.apply([appOf("anvils", [anvilOf("two", 1)], { revision: 3 }), bulk]);
  expect(weightOf("one")).toBeUndefined();
  expect(weightOf("two")).toEqual({ weight: 1 });
});

test("L3: what changes or goes where nothing can be watched is found by the full comparison and put right", async () => {
  await using agent = await agentOf("drift");
  const app = appOf("kept", [anvilOf("kept", 1), anvilOf("gone", 1)]);
  await agent.apply([app]);
  extension.api.edit("default/kept", { spec: { weight: 9 } });
  extension.api.edit("default/gone", undefined);
  await agent.reconciler.verifyAll(agent.signal);
  await eventually(() => {
    expect([weightOf("kept"), weightOf("gone")]).toEqual([{ weight: 1 }, { weight: 1 }]);
  });
  const before = writes().length;
  await agent.reconciler.verifyAll(agent.signal);
  await agent.apply([app]);
  expect(writes()).toHaveLength(before);
  expect(extension.requests.filter((line) => line.includes("watch="))).toEqual([]);
});

/** A client that cannot read anvils as often as it is told. */
class StumblingClient extends KubeClient {
  failures = 0;

  override async get(...args: Parameters<KubeClient["get"]>): Promise<KubeObject | undefined> {
    if (args[0].kind === "Anvil" && this.failures > 0) {
      this.failures -= 1;
      throw new KubeError("forbidden", "cannot get anvils");
    }
    return super.get(...args);
  }
}

test("a read that fails once does not end the wait for the health of what nothing watches", async () => {
  let client: StumblingClient | undefined;
  await using agent = await ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: "stumbling",
    connect: (access) => (client = new StumblingClient(access)),
  });
  const app = appOf("stumbling", [anvilOf("stumbling", 1)], { timeoutMs: 30_000 });
  const healthChecks = [{ kind: "Anvil", healthy: "has(status.hot)", inProgress: "!has(status.hot)" }];
  const ending = agent.apply([{ ...app, settings: { ...app.settings, healthChecks } }]);
  await eventually(() => agent.reports.get("stumbling")?.sync === "Applied");
  if (client !== undefined) client.failures = 1;
  await eventually(() => client?.failures === 0, { timeoutMs: 10_000 });
  extension.api.edit("default/stumbling", { status: { hot: true } });
  expect(await ending).toEqual({ applied: true, retry: [] });
  expect(agent.report("stumbling")).toMatchObject({ sync: "Applied", health: "Healthy" });
});

test("S2: while an aggregated API is down only apps with its objects fail, nothing of theirs is forgotten, and all ends well", async () => {
  await using agent = await agentOf("outage");
  const bulk = appOf(
    "bulk",
    Array.from({ length: 10 }, (_, index) => configMapOf(`default/bulk-${index}`)),
  );
  const [stays, goes] = [anvilOf("stays", 1), anvilOf("goes", 1)];
  const beside = configMapOf("default/beside");
  await agent.apply([appOf("forge", [stays, goes, beside]), bulk]);
  const ids = async () => {
    const inventory = await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/forge");
    return (inventory?.["spec"] as { readonly objects?: readonly string[] } | undefined)?.objects ?? [];
  };
  expect(await ids()).toContain("forge.example/Anvil/default/goes");

  await extension.stop();
  const changed = (name: string) => appOf("bulk", [...bulk.objects, configMapOf(`default/${name}`)], { revision: 2 });
  for (const name of ["at-once", "once-known"]) {
    // First while the server has not noticed, then when it says that the API is not available.
    if (name === "once-known") {
      await eventually(async () => !(await extension.isAvailable(cluster)), { timeoutMs: 60_000 });
    }
    expect(
      await agent.apply([appOf("forge", [{ ...stays, spec: { weight: 2 } }, beside], { revision: 2 }), changed(name)]),
    ).toEqual({
      applied: false,
      retry: ["forge"],
    });
    expect(agent.report("forge").message).toMatch(/^Anvil.forge.example default\/stays: /);
    expect(agent.report("bulk").sync).toBe("Applied");
    await agent.reconciler.verifyAll(agent.signal).catch(() => undefined);
    await agent.apply([appOf("forge", [beside], { revision: 3 }), changed(name)]);
    expect(await ids()).toContain("forge.example/Anvil/default/goes");
  }
  {
    await using fresh = await agentOf("outage");
    const outcome = await fresh.apply([appOf("forge", [stays, beside], { revision: 4 }), changed("fresh")]);
    expect(outcome).toEqual({ applied: false, retry: ["forge"] });
    expect(fresh.report("bulk").sync).toBe("Applied");
    await fresh.apply([appOf("forge", [beside], { revision: 5 }), changed("fresh")]);
    expect(await ids()).toContain("forge.example/Anvil/default/goes");
  }

  await extension.resume();
  await eventually(() => extension.isAvailable(cluster), { timeoutMs: 60_000 });
  await using next = await agentOf("outage");
  await eventually(async () => {
    expect(await next.apply([appOf("forge", [stays, beside], { revision: 6 }), changed("fresh")])).toEqual({
      applied: true,
      retry: [],
    });
  });
  expect(weightOf("stays")).toEqual({ weight: 1 });
  expect(weightOf("goes")).toBeUndefined();
  expect(await ids()).not.toContain("forge.example/Anvil/default/goes");
});
