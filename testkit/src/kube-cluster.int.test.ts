import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseClusterProvider } from "./cluster-provider.ts";
import { eventually } from "./eventually.ts";
import { KubeCluster } from "./kube-cluster.ts";
import { isProcessAlive } from "./process-alive.ts";

interface Deployment {
  readonly status: { availableReplicas?: number; conditions?: { type: string; status: string }[] };
}

const deployments = "/apis/apps/v1/namespaces/default/deployments";

function deployment(name: string, annotations: Record<string, string> = {}): object {
  const labels = { app: name };
  const template = { metadata: { labels, annotations }, spec: { containers: [{ name, image: "example/app:1" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas: 3, selector: { matchLabels: labels }, template },
  };
}

describe("a cluster with workloads", () => {
  let cluster: KubeCluster;

  beforeAll(async () => {
    cluster = await KubeCluster.start({ name: "whole", audit: true });
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  async function untilAvailable(name: string): Promise<void> {
    await eventually(
      async () => {
        const { status } = await cluster.request<Deployment>("GET", `${deployments}/${name}`);
        return status.availableReplicas === 3;
      },
      { what: `availability of ${name}` },
    );
  }

  test("a Deployment of three replicas becomes available", async () => {
    await cluster.request("POST", deployments, deployment("web"));
    await untilAvailable("web");
    expect(await cluster.kubectl("get", "pods", "--no-headers")).toMatch(/(web-\S+\s+1\/1\s+Running.*\n){3}/);
  });

  test("a Job completes, and a pod that is told never to get ready does not", async () => {
    const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "once", namespace: "default" } };
    const template = { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "example/job:1" }] } };
    await cluster.pipeToKubectl(JSON.stringify({ ...job, spec: { template } }), "apply", "-f", "-");
    await cluster.kubectl("wait", "job/once", "--for=condition=complete", "--timeout=20s");
    await cluster.request("POST", deployments, deployment("stuck", { "axle.dev/test-stage": "never-ready" }));
    await cluster.kubectl("wait", "pods", "-l", "app=stuck", "--for=condition=PodScheduled", "--timeout=20s");
    const { status } = await cluster.request<Deployment>("GET", `${deployments}/stuck`);
    expect(status.availableReplicas).toBeUndefined();
  });

  test("what an owner owned is collected, and a namespace finishes deleting", async () => {
    await cluster.kubectl("create", "namespace", "short");
    await cluster.request("DELETE", `${deployments}/web`);
    await cluster.kubectl("wait", "pods", "-l", "app=web", "--for=delete", "--timeout=20s");
    await cluster.kubectl("delete", "namespace", "short", "--timeout=30s");
  });

  test("an API server that goes away comes back at the same address with the same data", async () => {
    const { server } = cluster;
    await cluster.kubectl("create", "configmap", "kept", "--from-literal=a=1");
    await cluster.stopApiServer();
    await expect(cluster.request("GET", "/readyz")).rejects.toThrow(/ECONNREFUSED/);
    await cluster.startApiServer();
    expect(cluster.server).toBe(server);
    expect(await cluster.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}")).toBe("1");
  });

  test("everything restarts with the same data and goes on working", async () => {
    await cluster.kubectl("create", "configmap", "lasting", "--from-literal=a=2");
    await cluster.restart();
    expect(await cluster.kubectl("get", "configmap", "lasting", "-o", "jsonpath={.data.a}")).toBe("2");
    await cluster.request("POST", deployments, deployment("after"));
    await untilAvailable("after");
  });

  test("every request is in the audit log", async () => {
    const events = await cluster.auditEvents();
    expect(events).toContainEqual(
      expect.objectContaining({
        verb: "create",
        requestURI: deployments,
        user: expect.objectContaining({ username: "admin" }),
      }),
    );
  });
});

test("the API alone starts, and serves as an existing cluster by its kubeconfig", async () => {
  await using api = await KubeCluster.start({ workloads: false });
  const env = { ...process.env, AXLE_TEST_KUBECONFIG: api.kubeconfigPath };
  const provider = chooseClusterProvider(env);
  expect(provider.kind).toBe("existing");
  await using cluster = await provider.start({ name: "prod" });
  expect(cluster.server).toBe(api.server);
  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "here" }, data: { a: "1" } };
  const path = "/api/v1/namespaces/default/configmaps";
  await cluster.request("PATCH", `${path}/here?fieldManager=test`, JSON.stringify(configMap));
  expect(await api.request("GET", `${path}/here`)).toMatchObject({ data: { a: "1" } });
  await expect(cluster.request("GET", `${path}/gone`)).rejects.toMatchObject({ status: 404 });
  await expect(provider.start()).rejects.toMatchObject({ code: "no-cluster-left" });
});

test("an API server that refuses its arguments is told in its own words", async () => {
  const starting = KubeCluster.start({ workloads: false, apiServerArgs: ["--no-such-flag"] });
  await expect(starting).rejects.toThrow(
    /cluster test did not start: kube-apiserver ended.*unknown flag: --no-such-flag/s,
  );
});

test("no process is left behind when the owner is killed with -9", async () => {
  const script = `
    import { KubeCluster } from ${JSON.stringify(`${import.meta.dirname}/kube-cluster.ts`)};
    const cluster = await KubeCluster.start();
    const names = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
    console.log(JSON.stringify(names.map((name) => cluster.pid(name))));
  `;
  const owner = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  const pids = JSON.parse(line.toString()) as number[];
  expect(pids.every(isProcessAlive)).toBe(true);
  owner.kill("SIGKILL");
  await eventually(() => !pids.some(isProcessAlive), { what: "the end of every process" });
});
