import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { WebhookServer } from "@axle/testkit/webhook-server.ts";
import type { WebhookOptions } from "@axle/testkit/webhook-server.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let webhook: WebhookServer;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "webhooks", workloads: false });
  webhook = await WebhookServer.start();
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await webhook?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const labelled = (name: string, data: Readonly<Record<string, string>>): KubeObject => {
  const object = configMapOf(`default/${name}`, data);
  return { ...object, metadata: { ...object.metadata, labels: { hook: name } } };
};
const read = (name: string) => agent.get("v1", "ConfigMap", `default/${name}`);
const dataOf = async (name: string) => (await read(name))?.["data"];
const versionOf = async (name: string) => (await read(name))?.metadata["resourceVersion"];

/** Registered, and asked for the first time. */
async function register(name: string, options: Partial<WebhookOptions>): Promise<void> {
  const kind = options.kind ?? "MutatingWebhookConfiguration";
  const configuration = webhook.configuration({
    kind,
    name,
    matchLabels: { hook: name },
    resources: ["configmaps"],
    ...options,
  });
  const judge = webhook.judge;
  let asked = false;
  webhook.judge = () => {
    asked = true;
    return { allowed: true };
  };
  await cluster.pipeToKubectl(JSON.stringify(configuration), "apply", "-f", "-");
  const probe = labelled(`${name}-probe`, {});
  const labels = { hook: name };
  await eventually(async () => {
    const text = JSON.stringify({ ...probe, metadata: { ...probe.metadata, labels } });
    await cluster.pipeToKubectl(text, "create", "--dry-run=server", "-f", "-");
    return asked;
  });
  webhook.judge = judge;
}

test("an admission webhook that rewrites what is applied is no drift, costs no write, and is not fought", async () => {
  webhook.judge = ({ object }) => {
    const data = object?.["data"] as Readonly<Record<string, string>> | undefined;
    const isPlain = data?.["image"]?.startsWith("mirror/") === false;
    return {
      allowed: true,
      patch: isPlain ? [{ op: "replace", path: "/data/image", value: `mirror/${data["image"] ?? ""}` }] : [],
    };
  };
  await register("mirror", {});
  const app = (image: string, revision: number) =>
    appOf("mirror", [labelled("mirror", { image, other: "1" })], { revision });
  expect(await agent.apply([app("web:1", 1)])).toEqual({ applied: true, retry: [] });
  expect(await dataOf("mirror")).toEqual({ image: "mirror/web:1", other: "1" });
  const version = await versionOf("mirror");
  await agent.reconciler.verifyAll(agent.signal);
  await agent.apply([app("web:1", 1)]);
  {
    await using fresh = await ReconcileFixture.start(cluster);
    await fresh.apply([app("web:1", 1)]);
    await fresh.reconciler.verifyAll(fresh.signal);
    expect(fresh.report("mirror").drifts).toEqual([]);
  }
  expect(await versionOf("mirror")).toBe(version);
  expect(agent.report("mirror").drifts).toEqual([]);
  await cluster.kubectl("patch", "configmap", "mirror", "--type=merge", "-p", '{"data":{"other":"mine"}}');
  await eventually(async () => expect(await dataOf("mirror")).toEqual({ image: "mirror/web:1", other: "1" }));
  await agent.apply([app("web:2", 2)]);
  expect(await dataOf("mirror")).toEqual({ image: "mirror/web:2", other: "1" });
  expect(agent.report("mirror").drifts.map(({ action }) => action)).toEqual(["corrected"]);
});

test("a webhook that turns every write of a value into another is fought later and later, and the app says so", async () => {
  await agent.apply([appOf("contrary", [labelled("contrary", { mode: "ours" })])]);
  let turns = 0;
  webhook.judge = ({ dryRun, object }) => {
    const isOurs = (object?.["data"] as Readonly<Record<string, string>> | undefined)?.["mode"] === "ours";
    if (dryRun || !isOurs) return { allowed: true };
    turns += 1;
    return { allowed: true, patch: [{ op: "replace", path: "/data/mode", value: `theirs-${turns}` }] };
  };
  await register("contrary", {});
  await cluster.kubectl("label", "configmap", "contrary", "touched=1");
  await eventually(
    async () => {
      await agent.reconciler.verifyAll(agent.signal);
      expect(agent.report("contrary").message).toMatch(
        /^fighting with .+ over data\.mode of ConfigMap default\/contrary/,
      );
    },
    { timeoutMs: 30_000, intervalMs: 200 },
  );
  expect(turns).toBeLessThan(8);
  expect(agent.report("contrary").sync).toBe("Applied");
});

test("an admission webhook that does not answer in time fails the apps it is asked about, named, and no others", async () => {
  await register("slow", { kind: "ValidatingWebhookConfiguration", timeoutSeconds: 1 });
  webhook.judge = () => "hang";
  const apps = [appOf("slow", [labelled("slow", { a: "1" })]), appOf("fast", [configMapOf("default/fast")])];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["slow"] });
  expect(agent.report("slow").sync).toBe("Failed");
  expect(agent.report("slow").message).toMatch(/^ConfigMap default\/slow: .*slow\.example\.com.*(deadline|timeout)/i);
  expect(agent.report("fast").sync).toBe("Applied");
  webhook.judge = () => ({ allowed: true });
  expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
});

test("an object that admission denies fails its app with the webhook's own words", async () => {
  await register("denies", { kind: "ValidatingWebhookConfiguration" });
  webhook.judge = () => ({ allowed: false, message: "no Fridays" });
  const apps = [appOf("denies", [labelled("denies", { a: "1" })]), appOf("other", [configMapOf("default/other")])];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["denies"] });
  expect(agent.report("denies").message).toMatch(/denies\.example\.com.*no Fridays/);
  expect(agent.report("other").sync).toBe("Applied");
});
