import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { APP_LABEL } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "uninstall" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const start = () => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath });
const APPS = [
  appOf("base", [namespaceOf("shop"), configMapOf("shop/settings")]),
  appOf("web", [deploymentOf("shop/web"), configMapOf("shop/text")], { dependsOn: ["base"] }),
];

/** What is ours, as `kind/name uid`; without the ReplicaSets and Pods a Deployment makes of it. */
async function objects(): Promise<string> {
  const text = "{range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{'\\n'}{end}";
  return cluster.kubectl("get", "ns,cm,deploy", "-A", "-l", APP_LABEL, "-o", `jsonpath=${text}`);
}

async function deleteOurOwn(): Promise<void> {
  await cluster.kubectl("delete", "namespace", "axle-system");
  await cluster.kubectl("delete", "crd", "axleagents.axle.dev", "axleinventories.axle.dev");
}

let before: string;
beforeEach(async () => {
  await using agent = await start();
  await agent.apply(APPS);
  before = await objects();
  expect(before.trim().split("\n")).toHaveLength(4);
});

test("S2: deleting the agent's namespace and kinds deletes nothing it applied", async () => {
  await deleteOurOwn();
  expect(await cluster.kubectl("get", "ns", "axle-system", "--ignore-not-found")).toBe("");
  expect(await objects()).toBe(before);
  const owners = await cluster.kubectl(
    "get",
    "ns,cm,deploy",
    "-A",
    "-o",
    "jsonpath={.items[*].metadata.ownerReferences}",
  );
  expect(owners.trim()).toBe("");
});

test("S2: nor does it with the agent at work, whatever that makes of it", async () => {
  await using agent = await start();
  await agent.apply(APPS);
  await deleteOurOwn();
  await agent.apply(APPS).catch(() => undefined);
  expect(await objects()).toBe(before);
});

test("an agent that is installed again takes everything over as it is, and prunes again", async () => {
  await deleteOurOwn();
  await using agent = await start();
  expect(await agent.apply(APPS)).toEqual({ applied: true, retry: [] });
  expect(await objects()).toBe(before);
  const [base] = APPS;
  const rest = appOf("web", [deploymentOf("shop/web")], { dependsOn: ["base"], revision: 2 });
  if (base !== undefined) await agent.apply([base, rest]);
  await eventually(async () => !(await objects()).includes("ConfigMap/text"));
});
