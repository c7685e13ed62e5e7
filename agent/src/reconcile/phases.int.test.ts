import type { KubeObject } from "@axle/core/manifest/object.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ReconcileFixture, appOf, configMapOf, deploymentOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "phases", audit: true });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const agentOf = (id: string) => ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id });

function annotated(object: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject {
  return { ...object, metadata: { ...object.metadata, annotations } };
}

interface JobOptions {
  /** No node has it: the Job never ends by itself. */
  readonly stuck?: boolean;
  readonly spec?: Readonly<Record<string, unknown>>;
}

function jobOf(path: string, annotations: Readonly<Record<string, string>>, options: JobOptions = {}): KubeObject {
  const [namespace = "", name = ""] = path.split("/");
  const podSpec = {
    restartPolicy: "Never",
    containers: [{ name: "run", image: "registry.example/run:1" }],
    ...(options.stuck === true ? { nodeSelector: { no: "such" } } : {}),
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace, annotations },
    spec: { backoffLimit: 0, ...options.spec, template: { spec: podSpec } },
  };
}

/** Names of what was created in a namespace by agents, in order. */
async function createdIn(namespace: string): Promise<readonly string[]> {
  return (await cluster.auditEvents())
    .filter(
      ({ verb, userAgent, responseStatus }) =>
        verb === "patch" && userAgent === "axle-agent" && responseStatus?.code === 201,
    )
    .map(({ requestURI }) => new URL(requestURI, "https://localhost"))
    .filter(
      ({ pathname, searchParams }) => !searchParams.has("dryRun") && pathname.includes(`/namespaces/${namespace}`),
    )
    .map(({ pathname }) => pathname.split("/").at(-1) ?? "");
}

const uidOf = async (agent: ReconcileFixture, path: string) =>
  (await agent.get("batch/v1", "Job", path))?.metadata["uid"];

test("an app is applied in phases and waves, namespaces first, each when what comes before it is through", async () => {
  await using agent = await agentOf("order");
  const outcome = await agent.apply([
    appOf("shop", [
      jobOf("shop/notify", { "argocd.argoproj.io/hook": "PostSync" }),
      configMapOf("shop/plain"),
      annotated(deploymentOf("shop/front"), { "argocd.argoproj.io/sync-wave": "2" }),
      annotated(deploymentOf("shop/database"), { "axle.dev/wave": "-1" }),
      jobOf("shop/migrate", { "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "5" }),
      annotated(configMapOf("shop/migration"), { "axle.dev/phase": "pre" }),
      namespaceOf("shop"),
    ]),
  ]);
  expect(agent.report("shop").message).toBe("");
  expect(outcome).toEqual({ applied: true, retry: [] });
  expect(await createdIn("shop")).toEqual(["shop", "migration", "migrate", "database", "plain", "front", "notify"]);
  expect(agent.report("shop")).toMatchObject({ sync: "Applied", health: "Healthy", objects: 7 });
});

test("a hook runs once for each revision: not again on drift, for another app's slice, or after a restart", async () => {
  const once = jobOf("default/once", { "axle.dev/phase": "pre" });
  const apps = (revision: number, other = 1) => [
    appOf("once", [once, configMapOf("default/beside", { revision: String(revision) })], { revision }),
    appOf("other", [configMapOf("default/other", { other: String(other) })], { revision: other }),
  ];
  let first: unknown;
  {
    await using agent = await agentOf("once");
    await agent.apply(apps(1));
    first = await uidOf(agent, "default/once");
    expect(first).toBeDefined();
    await agent.apply(apps(1, 2));
    expect(await uidOf(agent, "default/once")).toBe(first);
    await cluster.kubectl("delete", "job", "once");
    await cluster.kubectl("delete", "configmap", "beside");
    await eventually(async () => expect(await agent.get("v1", "ConfigMap", "default/beside")).toBeDefined());
    await agent.apply(apps(1, 3));
    expect(await uidOf(agent, "default/once")).toBeUndefined();
    expect(agent.report("once")).toMatchObject({ sync: "Applied", pruning: [] });
  }
  await using agent = await agentOf("once");
  await agent.apply(apps(1, 4));
  expect(await uidOf(agent, "default/once")).toBeUndefined();
  await agent.apply(apps(2, 4));
  const second = await uidOf(agent, "default/once");
  expect(second).toBeDefined();
  await agent.apply(apps(3, 4));
  expect(await uidOf(agent, "default/once")).not.toBe(second);
});

test("S2: a failed pre hook stops its app before anything is written or pruned, and says why", async () => {
  await using agent = await agentOf("failing");
  const rest = Array.from({ length: 8 }, (_, index) => configMapOf(`default/failing-${index}`));
  const alarm = jobOf("default/alarm", { "argocd.argoproj.io/hook": "SyncFail" });
  await agent.apply([appOf("failing", [configMapOf("default/leaves"), alarm, ...rest])]);
  expect(await uidOf(agent, "default/alarm")).toBeUndefined();
  const failing = jobOf(
    "default/fails",
    { "axle.dev/phase": "pre" },
    { stuck: true, spec: { activeDeadlineSeconds: 1 } },
  );
  const next = appOf("failing", [failing, alarm, configMapOf("default/comes"), ...rest], { revision: 2 });
  expect(await agent.apply([next])).toEqual({ applied: false, retry: ["failing"] });
  expect(agent.report("failing").sync).toBe("Failed");
  expect(agent.report("failing").message).toMatch(
    /^hook Job default\/fails failed: Job was active longer than specified deadline/,
  );
  expect(await agent.get("v1", "ConfigMap", "default/comes")).toBeUndefined();
  expect(await agent.get("v1", "ConfigMap", "default/leaves")).toBeDefined();
  expect(await uidOf(agent, "default/alarm")).toBeDefined();
  const failed = await uidOf(agent, "default/fails");
  await agent.apply([next]);
  expect(await uidOf(agent, "default/fails"), "what failed is not run again by itself").toBe(failed);
  const mended = appOf(
    "failing",
    [jobOf("default/fails", { "axle.dev/phase": "pre" }), alarm, configMapOf("default/comes"), ...rest],
    { revision: 3 },
  );
  expect(await agent.apply([mended])).toEqual({ applied: true, retry: [] });
  expect(await agent.get("v1", "ConfigMap", "default/comes")).toBeDefined();
  expect(await agent.get("v1", "ConfigMap", "default/leaves")).toBeUndefined();
});

test("a newer slice ends the wait for a hook, whose Job makes way for the new one", async () => {
  await using agent = await agentOf("race");
  const newer = new AbortController();
  const stuck = jobOf("default/racing", { "axle.dev/phase": "pre" }, { stuck: true });
  const objects = (job: KubeObject) => [job, configMapOf("default/raced")];
  const slice = agent.slice([appOf("race", objects(stuck), { timeoutMs: 100_000 })], { number: { epoch: 1, n: 1 } });
  const waiting = agent.reconciler.reconcile(slice, newer.signal);
  await eventually(async () => expect(await uidOf(agent, "default/racing")).toBeDefined());
  const begun = await uidOf(agent, "default/racing");
  newer.abort(new Error("a newer slice"));
  await expect(waiting).rejects.toThrow("a newer slice");

  const same = new AbortController();
  const again = agent.reconciler.reconcile({ ...slice, number: { epoch: 1, n: 2 } }, same.signal);
  await eventually(() => agent.report("race").health === "Progressing");
  expect(await uidOf(agent, "default/racing"), "begun for this revision, it is waited for").toBe(begun);
  same.abort(new Error("a newer slice"));
  await expect(again).rejects.toThrow("a newer slice");

  const free = jobOf("default/racing", { "axle.dev/phase": "pre" });
  expect(await agent.apply([appOf("race", objects(free), { revision: 2 })])).toEqual({ applied: true, retry: [] });
  expect(await uidOf(agent, "default/racing")).not.toBe(begun);
  expect(await agent.get("v1", "ConfigMap", "default/raced")).toBeDefined();
});

test("whenever a pass with hooks is cut off, the next one ends as if nothing had been", async () => {
  await using agent = await agentOf("cuts");
  const objects = [
    jobOf("default/cut-pre", { "axle.dev/phase": "pre" }),
    annotated(deploymentOf("default/cut-web"), { "axle.dev/wave": "1" }),
    jobOf("default/cut-post", { "axle.dev/phase": "post" }),
  ];
  for (let revision = 1; revision <= 6; revision += 1) {
    const cut = new AbortController();
    const app = appOf("cuts", objects, { revision });
    const pass = agent.reconciler.reconcile(agent.slice([app], { number: { epoch: 1, n: revision } }), cut.signal);
    const timer = setTimeout(() => cut.abort(new Error("cut")), revision * 90);
    await pass.catch(() => undefined);
    clearTimeout(timer);
  }
  expect(await agent.apply([appOf("cuts", objects, { revision: 7 })])).toEqual({ applied: true, retry: [] });
  for (const name of ["cut-pre", "cut-post"]) {
    const job = await agent.get("batch/v1", "Job", `default/${name}`);
    expect(job?.metadata.annotations?.["axle.dev/run"]).toBe("7@c0ffee");
  }
});

test("Helm's install hooks run when the app comes, its upgrade hooks afterwards, and policies delete them", async () => {
  await using agent = await agentOf("helm");
  const apps = (revision: number) => [
    appOf(
      "helm",
      [
        jobOf("default/installs", { "helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": "hook-succeeded" }),
        jobOf("default/upgrades", { "helm.sh/hook": "post-upgrade" }),
        configMapOf("default/helm", { revision: String(revision) }),
      ],
      { revision },
    ),
  ];
  await agent.apply(apps(1));
  await eventually(async () => expect(await uidOf(agent, "default/installs")).toBeUndefined());
  expect(await uidOf(agent, "default/upgrades")).toBeUndefined();
  await agent.apply(apps(2));
  expect(await uidOf(agent, "default/upgrades")).toBeDefined();
  expect(await createdIn("default")).toSatisfy(
    (names: string[]) => names.filter((name) => name === "installs").length === 1,
  );
});

test("a wave that is not healthy in time holds back the next and fails the app", async () => {
  await using agent = await agentOf("waves");
  const sick: KubeObject = JSON.parse(
    JSON.stringify(deploymentOf("default/sick")).replace('"containers"', '"nodeSelector":{"no":"such"},"containers"'),
  );
  const later = annotated(configMapOf("default/later"), { "axle.dev/wave": "1" });
  expect((await agent.apply([appOf("waves", [sick, later], { timeoutMs: 1_000 })])).retry).toEqual(["waves"]);
  expect(agent.report("waves").message).toMatch(
    /^wave 1 of phase sync did not begin within 1 s: Deployment default\/sick: /,
  );
  expect(await agent.get("v1", "ConfigMap", "default/later")).toBeUndefined();
  const wrong = annotated(configMapOf("default/later"), { "axle.dev/wave": "soon" });
  await agent.apply([appOf("waves", [wrong], { revision: 2 })]);
  expect(agent.report("waves").message).toBe('ConfigMap default/later: axle.dev/wave is "soon", not a whole number');
});
