import type { KubeObject } from "@axle/core/manifest/object.ts";
import { ExtensionServer } from "@axle/testkit/extension-server.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "namespaces" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });
const bulk = (prefix: string) =>
  appOf(
    `bulk-${prefix}`,
    Array.from({ length: 20 }, (_, index) => configMapOf(`default/${prefix}-${index}`)),
  );

/** The app declares nothing any more, and a person lets its namespace go. */
async function empty(agent: ReconcileFixture, app: string): Promise<void> {
  const rest = bulk(app);
  await agent.apply([appOf(app, [], { revision: 2 }), rest]);
  const hash = agent.report(app).pendingDeletion?.hash ?? "";
  const approvals = [{ id: `yes-${app}`, app, hash, expiresAtMs: Date.now() + 60_000 }];
  await agent.apply([appOf(app, [], { revision: 2 }), rest], { approvals });
}

test("a namespace that hangs on the finalizers of others' objects in it is reported with them, and goes with them", async () => {
  await using agent = await agentOf("hangs");
  await agent.apply([appOf("hangs", [namespaceOf("hangs")]), bulk("hangs")]);
  const theirs: KubeObject = configMapOf("hangs/theirs");
  const metadata = { ...theirs.metadata, finalizers: ["shop.example/wait"] };
  await cluster.request("POST", "/api/v1/namespaces/hangs/configmaps", { ...theirs, metadata });
  await empty(agent, "hangs");
  await eventually(
    () => {
      expect(agent.report("hangs").pruning).toEqual([
        expect.stringMatching(/^Namespace hangs: blocked by .*shop\.example\/wait in 1 resource instances/),
      ]);
    },
    { timeoutMs: 30_000 },
  );
  await cluster.request("PATCH", "/api/v1/namespaces/hangs/configmaps/theirs", { metadata: { finalizers: null } });
  await eventually(() => agent.report("hangs").pruning.length === 0, { timeoutMs: 30_000 });
  expect(await agent.get("v1", "Namespace", "hangs")).toBeUndefined();
});

test("a namespace that hangs on an aggregated API that is down says which, and the other apps go on", async () => {
  await using extension = await ExtensionServer.start({
    group: "down.example",
    version: "v1",
    kind: "Thing",
    resource: "things",
  });
  await extension.register(cluster);
  await using agent = await agentOf("down");
  await agent.apply([appOf("down", [namespaceOf("down")]), bulk("down")]);
  await extension.stop();
  await eventually(async () => !(await extension.isAvailable(cluster)), { timeoutMs: 60_000 });
  await empty(agent, "down");
  await eventually(
    () => {
      expect(agent.report("down").pruning).toEqual([
        expect.stringMatching(/^Namespace down: blocked by .*down\.example\/v1/),
      ]);
    },
    { timeoutMs: 60_000 },
  );
  expect(agent.report("bulk-down").sync).toBe("Applied");
  await cluster.kubectl("delete", "apiservice", "v1.down.example");
  await eventually(() => agent.report("down").pruning.length === 0, { timeoutMs: 60_000 });
  expect(await agent.get("v1", "Namespace", "down")).toBeUndefined();
});

test("an object for a namespace that is being deleted fails its app alone, which says so, and comes when the namespace is there again", async () => {
  await using agent = await agentOf("again");
  await cluster.kubectl("create", "namespace", "again");
  const theirs = configMapOf("again/theirs");
  const metadata = { ...theirs.metadata, finalizers: ["shop.example/wait"] };
  await cluster.request("POST", "/api/v1/namespaces/again/configmaps", { ...theirs, metadata });
  await cluster.kubectl("delete", "namespace", "again", "--wait=false");
  const apps = [appOf("again", [configMapOf("again/ours")]), bulk("again")];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["again"] });
  expect(agent.report("again").message).toMatch(/^ConfigMap again\/ours: .*being terminated/);
  await cluster.request("PATCH", "/api/v1/namespaces/again/configmaps/theirs", { metadata: { finalizers: null } });
  await eventually(async () => (await agent.get("v1", "Namespace", "again")) === undefined, { timeoutMs: 30_000 });
  await cluster.kubectl("create", "namespace", "again");
  expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
});
