import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "trouble", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];

/** Asks nobody, about config maps with a label. */
const deadWebhook = (name: string): KubeObject => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name },
  webhooks: [
    {
      name: `${name}.example.com`,
      failurePolicy: "Fail",
      sideEffects: "None",
      timeoutSeconds: 1,
      admissionReviewVersions: ["v1"],
      clientConfig: { url: "https://127.0.0.1:9/validate" },
      objectSelector: { matchLabels: { judged: name } },
      rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE", "UPDATE"] }],
    },
  ],
});
const judged = (name: string, by: string): KubeObject => {
  const object = configMapOf(`default/${name}`);
  return { ...object, metadata: { ...object.metadata, labels: { judged: by } } };
};

test("while an admission webhook is down only apps it is asked about fail, they name it, and recover", async () => {
  await cluster.pipeToKubectl(JSON.stringify(deadWebhook("guard")), "apply", "-f", "-");
  const apps = [appOf("judged", [judged("judged", "guard")]), appOf("free", [configMapOf("default/free")])];
  expect(await agent.apply(apps)).toEqual({ applied: false, retry: ["judged"] });
  expect(agent.report("judged")).toMatchObject({ sync: "Failed" });
  expect(agent.report("judged").message).toMatch(/^ConfigMap default\/judged: .*guard\.example\.com/);
  expect(agent.report("free").sync).toBe("Applied");
  await cluster.kubectl("delete", "validatingwebhookconfiguration", "guard");
  // The server forgets a webhook a moment after its configuration is gone.
  await eventually(async () => (await agent.apply(apps)).applied);
  expect(agent.report("judged")).toMatchObject({ sync: "Applied", message: "" });
});

test("while a conversion webhook is down only apps with objects of its kind fail, and name it", async () => {
  const crd = (conversion: object): KubeObject => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "things.trouble.example" },
    spec: {
      group: "trouble.example",
      scope: "Namespaced",
      names: { kind: "Thing", plural: "things" },
      conversion,
      versions: ["v1", "v2"].map((name) => ({
        name,
        served: true,
        storage: name === "v2",
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      })),
    },
  });
  const thing = { apiVersion: "trouble.example/v1", kind: "Thing", metadata: { name: "x", namespace: "default" } };
  const definition = appOf("definition", [crd({ strategy: "None" })]);
  await agent.apply([definition, appOf("things", [thing], { dependsOn: ["definition"] })]);
  expect(agent.report("things").sync).toBe("Applied");
  const webhook = { conversionReviewVersions: ["v1"], clientConfig: { url: "https://127.0.0.1:9/convert" } };
  const broken = appOf("definition", [crd({ strategy: "Webhook", webhook })], { revision: 2 });
  await agent.apply([broken, appOf("things", [thing])]);
  await eventually(async () => {
    const changed = { ...thing, spec: { size: 2 } };
    await agent.apply([
      broken,
      appOf("things", [changed], { revision: 2 }),
      appOf("free", [configMapOf("default/free")]),
    ]);
    expect(agent.report("things").message).toContain("conversion webhook for trouble.example");
  });
  expect(agent.report("things").sync).toBe("Failed");
  expect(agent.report("free").sync).toBe("Applied");
  {
    // To an agent that starts now, what it cannot read is neither gone nor a reason to do nothing.
    await using fresh = await ReconcileFixture.start(cluster);
    const free = appOf("free", [configMapOf("default/free"), configMapOf("default/freed")], { revision: 2 });
    await fresh.apply([broken, appOf("things", [thing], { revision: 2 }), free]);
    expect([fresh.report("things").sync, fresh.report("free").sync]).toEqual(["Failed", "Applied"]);
    // In the version it is stored in it needs no webhook, and can be deleted.
    await fresh.apply([broken, appOf("things", [], { revision: 3 }), free]);
    expect(await fresh.get("trouble.example/v2", "Thing", "default/x")).toBeUndefined();
  }
  await agent.apply([definition, appOf("things", [thing], { revision: 3 })]);
});

test("an object that is too large and one of an unknown kind fail their apps alone", async () => {
  const large = configMapOf("default/large", { text: "x".repeat(3 * 1024 * 1024) });
  const unknown = { apiVersion: "nowhere.example/v1", kind: "Nothing", metadata: { name: "x", namespace: "default" } };
  const outcome = await agent.apply([
    appOf("large", [large]),
    appOf("unknown", [unknown]),
    appOf("small", [configMapOf("default/small")]),
  ]);
  expect(outcome).toEqual({ applied: false, retry: ["large", "unknown"] });
  expect(agent.report("large").message).toMatch(/^ConfigMap default\/large: .*(too large|Too long)/i);
  expect(agent.report("unknown").message).toContain("knows no kind Nothing");
  expect(agent.report("small").sync).toBe("Applied");
});

test("an API server that restarts in the middle of a pass loses nothing: the next pass ends where a calm one does", async () => {
  const objects = Array.from({ length: 200 }, (_, index) =>
    configMapOf(`default/many-${index}`, { index: `${index}` }),
  );
  const apps = [appOf("many", objects), appOf("other", [configMapOf("default/other")])];
  const pass = agent.apply(apps).catch((error: unknown) => error);
  await eventually(async () => (await dataOf("many-0")) !== undefined, { intervalMs: 5 });
  await cluster.stopApiServer();
  await pass;
  await cluster.startApiServer();
  expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
  const listed = JSON.parse(await cluster.kubectl("get", "configmaps", "-l", "axle.dev/app=many", "-o", "json")) as {
    readonly items: readonly KubeObject[];
  };
  expect(listed.items).toHaveLength(200);
  expect(agent.report("other").sync).toBe("Applied");
  await cluster.kubectl("delete", "configmap", "many-7");
  await eventually(async () => expect(await dataOf("many-7")).toEqual({ index: "7" }), { timeoutMs: 60_000 });
});
