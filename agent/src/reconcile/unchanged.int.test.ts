import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
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

test("L4: an agent that starts again with nothing changed writes no object", async () => {
  const apps = [appOf("three", pack("three", "1"))];
  {
    await using agent = await ReconcileFixture.start(cluster);
    await agent.apply(apps);
  }
  await using agent = await ReconcileFixture.start(cluster);
  const versions = async () =>
    Promise.all(
      ["ConfigMap three/a", "ConfigMap three/b", "Secret three/s", "Service three/web"].map(async (text) => {
        const [kind = "", path = ""] = text.split(" ");
        return (await agent.get("v1", kind, path))?.metadata["resourceVersion"];
      }),
    );
  const before = await versions();
  const writesBefore = agent.client.counts.writes;
  expect(await agent.reconciler.reconcile(agent.slice(apps, { number: { epoch: 1, n: 1 } }), agent.signal)).toEqual({
    applied: true,
    retry: [],
  });
  expect(await versions()).toEqual(before);
  // Namespace, two kinds of ours: applied at every start, by server-side apply, which changes nothing. The rest is status and
  // Events, which are written once or twice as time has it; none of it is of the app's objects.
  expect(agent.client.counts.writes - writesBefore).toBeLessThanOrEqual(8);
  expect(agent.report("three")).toMatchObject({ sync: "Applied", health: "Healthy" });
});
