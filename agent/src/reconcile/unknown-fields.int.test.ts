import type { KubeObject } from "@axle/core/manifest/object.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
let agent: ReconcileFixture;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "unknown", workloads: false });
  agent = await ReconcileFixture.start(cluster);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

interface PodSpec {
  readonly containers: readonly { readonly name: string; readonly env?: readonly { readonly name: string }[] }[];
}
const podOf = async (name: string): Promise<PodSpec> => {
  const live = (await agent.get("apps/v1", "Deployment", `default/${name}`)) as
    | (KubeObject & { readonly spec: { readonly template: { readonly spec: PodSpec } } })
    | undefined;
  return live?.spec.template.spec ?? { containers: [] };
};
/** Adds a container and a variable, as a tool of its own does. */
const addAs = (manager: string, name: string) =>
  cluster.request(
    "PATCH",
    `/apis/apps/v1/namespaces/default/deployments/${name}?fieldManager=${manager}&force=true`,
    JSON.stringify({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "default" },
      spec: {
        template: {
          spec: {
            containers: [
              { name: "web", env: [{ name: "DB_PASSWORD", value: "hunter2" }] },
              { name: "sidecar", image: "registry.example/sidecar:1" },
            ],
          },
        },
      },
    }),
  );

test("a container and a variable that another tool adds are told, with values but no secrets, and stay by default", async () => {
  await agent.apply([appOf("told", [deploymentOf("default/told")], { timeoutMs: 1 })]);
  await addAs("terraform", "told");
  await eventually(() => agent.report("told").drifts.length > 0);
  expect(agent.report("told").drifts).toMatchObject([
    {
      manager: "terraform",
      action: "reported",
      paths: [
        "spec.template.spec.containers[name=sidecar]",
        "spec.template.spec.containers[name=web].env[name=DB_PASSWORD]",
      ],
    },
  ]);
  const [drift] = agent.report("told").drifts;
  expect(drift?.changes?.[0]).toMatchObject({
    before: "",
    after: expect.stringContaining("registry.example/sidecar:1"),
  });
  expect(drift?.changes?.[1]).toMatchObject({ before: "", after: "***" });
  expect(JSON.stringify(agent.report("told"))).not.toContain("hunter2");
  expect((await podOf("told")).containers).toHaveLength(2);
});

test("they are removed where the app says so, and what is declared stays", async () => {
  const app = appOf("cleaned", [deploymentOf("default/cleaned")], { timeoutMs: 1, unknownFields: "remove" });
  await agent.apply([app]);
  await addAs("terraform", "cleaned");
  await eventually(async () => expect((await podOf("cleaned")).containers.map(({ name }) => name)).toEqual(["web"]));
  expect((await podOf("cleaned")).containers[0]?.env).toBeUndefined();
  await eventually(() => agent.report("cleaned").drifts.some(({ action }) => action === "corrected"));
});

test("what people add by hand is told wherever it stands, and goes where the app says so; a restart is nobody's addition", async () => {
  const app = (unknownFields: "report" | "remove", revision: number) => {
    const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "by-hand", namespace: "default" } };
    const objects = [deploymentOf("default/by-hand"), { ...config, data: { key: "1" } }];
    return appOf("by-hand", objects, { timeoutMs: 1, unknownFields, revision });
  };
  await agent.apply([app("report", 1)]);
  await cluster.kubectl("rollout", "restart", "deployment/by-hand");
  await cluster.kubectl("patch", "configmap", "by-hand", "--type=merge", "-p", '{"data":{"extra":"mine"}}');
  await cluster.kubectl("patch", "deployment", "by-hand", "--type=merge", "-p", '{"spec":{"paused":true}}');
  const told = () => agent.report("by-hand").drifts.map(({ manager, paths, action }) => [manager, ...paths, action]);
  await eventually(() =>
    expect(told()).toEqual([
      ["kubectl-patch", "spec.paused", "reported"],
      ["kubectl-patch", "data.extra", "reported"],
    ]),
  );
  const dataOf = async () => (await agent.get("v1", "ConfigMap", "default/by-hand"))?.["data"];
  expect(await dataOf()).toEqual({ key: "1", extra: "mine" });
  await agent.apply([app("remove", 2)]);
  await cluster.kubectl("patch", "configmap", "by-hand", "--type=merge", "-p", '{"data":{"more":"mine"}}');
  await eventually(async () => expect(await dataOf()).toEqual({ key: "1" }));
  expect((await agent.get("apps/v1", "Deployment", "default/by-hand"))?.["spec"]).toMatchObject({
    template: { metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": expect.any(String) } } },
  });
});

test("what Kubernetes' own controllers add is nobody's business", async () => {
  await agent.apply([appOf("expected", [deploymentOf("default/expected")], { timeoutMs: 1 })]);
  await addAs("kube-controller-manager", "expected");
  await addAs("terraform", "told");
  await cluster.kubectl("annotate", "deployment", "expected", "seen=1");
  await agent.reconciler.verifyAll(agent.signal);
  expect(agent.report("expected").drifts).toEqual([]);
});

test("S5: a drift tells values before and after; those of Secrets and of fields with telling names are masked", async () => {
  const secret: KubeObject = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "login", namespace: "default" },
    stringData: { user: "a" },
  };
  const config: KubeObject = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "login", namespace: "default" },
    data: { level: "info", adminPassword: "first" },
  };
  await agent.apply([appOf("login", [secret, config])]);
  await cluster.kubectl("patch", "secret", "login", "--type=merge", "-p", '{"stringData":{"user":"intruder"}}');
  await cluster.kubectl(
    "patch",
    "configmap",
    "login",
    "--type=merge",
    "-p",
    '{"data":{"level":"debug","adminPassword":"second"}}',
  );
  await eventually(() => agent.report("login").drifts.length === 2);
  const changes = agent.report("login").drifts.flatMap((drift) => drift.changes ?? []);
  expect(changes.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
    { path: "data.adminPassword", before: "***", after: "***" },
    { path: "data.level", before: "info", after: "debug" },
    { path: "data.user", before: "***", after: "***" },
  ]);
});
