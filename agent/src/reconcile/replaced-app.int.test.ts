import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "replaced" });
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
const isThere = async (agent: ReconcileFixture, name: string) =>
  (await agent.get("v1", "ConfigMap", `default/${name}`)) !== undefined;

const failingJob = annotated(
  {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "hooked-fails", namespace: "default" },
    spec: {
      activeDeadlineSeconds: 1,
      backoffLimit: 0,
      template: {
        spec: { restartPolicy: "Never", containers: [{ name: "main", image: "registry.example/job:1" }] },
      },
    },
  },
  { "argocd.argoproj.io/hook": "PreSync" },
);
const tooLarge = deploymentOf("default/late-new", { replicas: 500 });

test.for<[string, (mended: boolean) => DesiredApp]>([
  [
    "is not healthy in time",
    (mended) =>
      appOf("late-new", [mended ? configMapOf("default/late-new") : tooLarge], {
        revision: mended ? 2 : 1,
        timeoutMs: mended ? 20_000 : 1,
      }),
  ],
  [
    "fails in a hook",
    (mended) =>
      appOf("hooked-new", [configMapOf("default/hooked-new"), ...(mended ? [] : [failingJob])], {
        revision: mended ? 2 : 1,
      }),
  ],
])(
  "S2: an app that left is kept while the app that came with it %s, also by an agent that starts anew, and goes after that",
  async ([, successor]) => {
    const { name } = successor(true);
    const [id = ""] = name.split("-");
    const old = `${id}-old`;
    const rest = bulk(id);
    {
      await using agent = await agentOf(id);
      await agent.apply([appOf(old, [configMapOf(`default/${old}`)]), ...rest]);
      for (let pass = 0; pass < 2; pass += 1) {
        await agent.apply([successor(false), ...rest]);
        expect(await isThere(agent, old)).toBe(true);
        expect(agent.report(old)).toMatchObject({
          sync: "Blocked",
          message: `kept until new app ${name} is applied and healthy`,
        });
      }
    }
    await using agent = await agentOf(id);
    await agent.apply([successor(false), ...rest]);
    expect(await isThere(agent, old)).toBe(true);
    await agent.apply([successor(true), ...rest]);
    await agent.apply([successor(true), ...rest]);
    expect(await isThere(agent, old)).toBe(false);
    expect(agent.gone).toContain(old);
  },
);

test("an app that was well once keeps nobody, also when it fails after a restart", async () => {
  const rest = bulk("once");
  {
    await using agent = await agentOf("once");
    await agent.apply([
      appOf("once", [configMapOf("default/once")]),
      appOf("leaves", [configMapOf("default/leaves")]),
      ...rest,
    ]);
    await agent.apply([
      appOf("once", [configMapOf("default/once")]),
      appOf("leaves", [configMapOf("default/leaves")]),
      ...rest,
    ]);
    await expect
      .poll(async () => (await agent.get("axle.dev/v1alpha1", "AxleInventory", "axle-system/once"))?.["status"])
      .toMatchObject({ settled: true });
  }
  await using agent = await agentOf("once");
  const unknown = { apiVersion: "nowhere.example/v1", kind: "Nothing", metadata: { name: "x", namespace: "default" } };
  const next = [appOf("once", [configMapOf("default/once"), unknown], { revision: 2 }), ...rest];
  expect((await agent.apply(next)).applied).toBe(false);
  expect(await isThere(agent, "leaves")).toBe(false);
});

test.for([["prune", { prune: false }] as const, ["mode", { mode: "observe" }] as const])(
  "S2: Git's last word that an app is not pruned (%s) counts though the app failed with it",
  async ([key, word]) => {
    const name = `word-${key}`;
    await using agent = await agentOf(name);
    const [object, rest] = [configMapOf(`default/${name}`), bulk(name)];
    await agent.apply([appOf(name, [object]), ...rest]);
    const unknown = {
      apiVersion: "nowhere.example/v1",
      kind: "Nothing",
      metadata: { name: "x", namespace: "default" },
    };
    await agent.apply([appOf(name, [object, unknown], { revision: 2, ...word }), ...rest]);
    await agent.apply(rest);
    expect(await isThere(agent, name)).toBe(true);
    expect(agent.gone).toContain(name);
  },
);

test("S2: one commit that says orphan and takes objects out lets them stand, but for those that say otherwise themselves", async () => {
  await using agent = await agentOf("word");
  const rest = bulk("deletion");
  const stays = configMapOf("default/word-stays");
  const own = annotated(configMapOf("default/word-own"), { "axle.dev/deletion": "background" });
  const app = (objects: readonly KubeObject[], deletion: "background" | "orphan") =>
    appOf("word", [stays, ...objects], { revision: deletion === "orphan" ? 2 : 1, deletion });
  await agent.apply([app([configMapOf("default/word-left"), own], "background"), ...rest]);
  await agent.apply([app([], "orphan"), ...rest]);
  expect(await isThere(agent, "word-left")).toBe(true);
  expect(await isThere(agent, "word-own")).toBe(false);
});
