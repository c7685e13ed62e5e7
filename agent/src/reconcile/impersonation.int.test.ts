import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, deploymentOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "impersonation", audit: true });
  await cluster.kubectl("create", "namespace", "tenant");
  await cluster.kubectl("create", "serviceaccount", "deployer", "-n", "tenant");
  await cluster.kubectl("create", "role", "deployer", "-n", "tenant", "--verb=*", "--resource=configmaps");
  await cluster.kubectl(
    "create",
    "rolebinding",
    "deployer",
    "-n",
    "tenant",
    "--role=deployer",
    "--serviceaccount=tenant:deployer",
  );
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const ACCOUNT = "system:serviceaccount:tenant:deployer";
const agentOf = (id: string, account?: string) =>
  ReconcileFixture.start({
    kubeconfigPath: cluster.kubeconfigPath,
    cluster: id,
    ...(account === undefined ? {} : { account }),
  });

test("an app is applied, kept and pruned in the name of its service account, and can do no more than that", async () => {
  const serviceAccount = "tenant/deployer";
  const several = [1, 2, 3, 4].map((n) => configMapOf(`tenant/map-${n}`));
  {
    await using agent = await agentOf("named");
    expect(
      await agent.apply([appOf("tenant", [...several, configMapOf("tenant/leaves")], { serviceAccount })]),
    ).toEqual({
      applied: true,
      retry: [],
    });
    await agent.apply([appOf("tenant", several, { serviceAccount })]);
    expect(await agent.get("v1", "ConfigMap", "tenant/leaves")).toBeUndefined();
    await agent.apply([
      appOf("tenant", [...several, deploymentOf("tenant/web")], { serviceAccount }),
      appOf("beside", [configMapOf("default/beside")]),
    ]);
    expect(agent.report("tenant").sync).toBe("Failed");
    expect(agent.report("tenant").message).toContain(
      `Deployment tenant/web: deployments.apps "web" is forbidden: User "${ACCOUNT}" cannot patch resource "deployments"`,
    );
    await agent.apply([
      appOf("tenant", [...several, configMapOf("default/outside")], { serviceAccount }),
      appOf("beside", [configMapOf("default/beside")]),
    ]);
    expect(agent.report("tenant").message).toContain(`User "${ACCOUNT}" cannot patch resource "configmaps"`);
    expect(await agent.get("v1", "ConfigMap", "default/outside")).toBeUndefined();
    expect(agent.report("beside").sync).toBe("Applied");
  }
  await using agent = await agentOf("named");
  await agent.apply([appOf("beside", [configMapOf("default/beside")])]);
  await agent.apply([appOf("beside", [configMapOf("default/beside")])], {
    approvals: [
      {
        id: "yes",
        app: "tenant",
        hash: agent.reports.get("tenant")?.pendingDeletion?.hash ?? "",
        expiresAtMs: Date.now() + 60_000,
      },
    ],
  });
  expect(agent.gone).toContain("tenant");
  const deletions = (await cluster.auditEvents()).filter(
    ({ verb, requestURI, userAgent, responseStatus }) =>
      verb === "delete" &&
      userAgent === "axle-agent" &&
      requestURI.includes("/configmaps/") &&
      responseStatus?.code === 200,
  );
  expect(deletions).toHaveLength(5);
  expect(new Set(deletions.map((event) => event.impersonatedUser?.username))).toEqual(new Set([ACCOUNT]));
});

test("the owner's default account holds for apps that name none", async () => {
  await using agent = await agentOf("default", "tenant/deployer");
  await agent.apply([appOf("meek", [configMapOf("tenant/meek")]), appOf("bold", [namespaceOf("bold")])]);
  expect(agent.report("meek").sync).toBe("Applied");
  expect(agent.report("bold").message).toContain(`namespaces "bold" is forbidden: User "${ACCOUNT}" cannot patch`);
});
