import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RecordingClient } from "./recording-client.test-support.ts";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "sync-now", workloads: false });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const only = (...apps: string[]) => ({ apps: new Set(apps), only: true });
/** Does not parse, until it is mended. */
const bad = (name: string) => ({ ...configMapOf(`default/${name}`), data: { key: 1 } });

async function startRecorded() {
  let client: RecordingClient | undefined;
  const connect: Parameters<typeof ReconcileFixture.start>[0]["connect"] = (access) =>
    (client = new RecordingClient(access));
  const agent = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, connect });
  return { agent, asked: client?.asked ?? [] };
}

test("only the apps asked for are compared with the server and tried again; the others stay as they were", async () => {
  const { agent, asked } = await startRecorded();
  await using _ = agent;
  const good = [appOf("web", [configMapOf("default/web")]), appOf("api", [configMapOf("default/api")])];
  const apps = [...good, appOf("first", [bad("first")]), appOf("second", [bad("second")])];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["first", "second"] });
  asked.length = 0;
  const slice = agent.slice(apps);
  expect(await agent.reconciler.reconcile(slice, agent.signal, only("web", "first"))).toEqual({
    applied: false,
    retry: ["first", "second"],
  });
  expect(asked.toSorted()).toEqual(["ConfigMap/first", "ConfigMap/web"]);
  expect(agent.report("second")).toMatchObject({ sync: "Failed" });
  expect(agent.report("api")).toMatchObject({ sync: "Applied" });
});

test("an app that waits for one nobody asked for finds it as it was left", async () => {
  const { agent } = await startRecorded();
  await using _ = agent;
  const apps = [
    appOf("base", [configMapOf("default/base")]),
    appOf("broken", [bad("broken")]),
    appOf("on-base", [configMapOf("default/on-base")], { dependsOn: ["base"] }),
    appOf("on-broken", [configMapOf("default/on-broken")], { dependsOn: ["broken"] }),
  ];
  await agent.apply(apps);
  const steps = agent.steps.length;
  await agent.reconciler.reconcile(agent.slice(apps), agent.signal, only("on-base", "on-broken"));
  expect(agent.report("on-base")).toMatchObject({ sync: "Applied" });
  expect(agent.report("on-broken")).toMatchObject({
    sync: "Blocked",
    message: "waits for app broken: it failed",
  });
  expect(agent.steps.length).toBe(steps);
});

test("the last app that was missing, asked for alone, makes the slice applied and its steps told", async () => {
  const { agent } = await startRecorded();
  await using _ = agent;
  const [web, late] = [appOf("web", [configMapOf("default/web")]), appOf("late", [configMapOf("nowhere/late")])];
  expect((await agent.apply([web, late])).applied).toBe(false);
  await cluster.kubectl("create", "namespace", "nowhere");
  const slice = agent.slice([web, late]);
  expect(await agent.reconciler.reconcile(slice, agent.signal, only("late"))).toEqual({ applied: true, retry: [] });
  expect(agent.steps.map(({ step }) => step)).toEqual(["dry-run", "applied", "healthy", "pruned"]);
});
