import type { Cluster, ClusterOptions } from "./cluster.ts";
import { type Component, ControlPlane, workloadComponents } from "./control-plane.ts";
import { withFreePort } from "./free-port.ts";
import { createKubeIdentity, type KubeIdentity } from "./kube-identity.ts";
import { KubeRequester, KubeRequestError } from "./kube-request.ts";
import { runKubectl } from "./run-kubectl.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";
import { TestkitError } from "./testkit-error.ts";

const nodeName = "node-1";
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${nodeName}`;
const readyTimeoutMs = 90_000;

/** One request that the API server served, from its audit log. */
export interface AuditEvent {
  /** Each request is noted when it came (`RequestReceived`) and when it was answered (`ResponseComplete`). */
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly user: { readonly username: string };
  /** In whose name the user asked. */
  readonly impersonatedUser?: { readonly username: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestReceivedTimestamp: string;
}

interface Running {
  readonly plane: ControlPlane;
  readonly identity: KubeIdentity;
  readonly directory: TemporaryDirectory;
  readonly options: ClusterOptions;
}

/**
 * A real Kubernetes control plane of its own, from binaries: etcd, API server, controllers and scheduler, with one
 * simulated node on which pods become ready at once. So Deployments become available, namespaces finish deleting and
 * owners' children are collected, but no container runs.
 */
export class KubeCluster implements Cluster {
  readonly name: string;
  readonly #running: Running;
  readonly #requester: KubeRequester;

  private constructor(name: string, running: Running) {
    this.name = name;
    this.#running = running;
    this.#requester = new KubeRequester({ server: this.server, caPem: this.caPem, token: this.adminToken });
  }

  /** Resolves when the API is ready and, with workloads, the node too. @throws with the servers' last output when it does not start */
  static async start(options: ClusterOptions = {}): Promise<KubeCluster> {
    const identity = await createKubeIdentity();
    return await withFreePort(async (port) => {
      const name = options.name ?? "test";
      const directory = await createTemporaryDirectory(`kube-${name}`);
      const plane = new ControlPlane({
        name,
        directory: directory.path,
        identity,
        port,
        workloads: options.workloads ?? true,
        audit: options.audit ?? false,
        featureGates: options.featureGates ?? {},
        apiServerArgs: options.apiServerArgs ?? [],
        env: options.env ?? process.env,
      });
      const cluster = new KubeCluster(name, { plane, identity, directory, options });
      try {
        await plane.prepare();
        await cluster.#startAll();
        return cluster;
      } catch (cause) {
        const message = `cluster ${name} did not start: ${cause instanceof Error ? cause.message : String(cause)}`;
        await cluster[Symbol.asyncDispose]();
        throw new TestkitError("start-failed", message, { cause });
      }
    });
  }

  get server(): string {
    return this.#running.plane.server;
  }

  get caPem(): string {
    return this.#running.identity.caPem;
  }

  /** Of a member of `system:masters`. */
  get adminToken(): string {
    return this.#running.identity.tokens.admin;
  }

  get kubeconfigPath(): string {
    return this.#running.plane.path("admin.kubeconfig");
  }

  async request<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    return await this.#requester.request<T>(method, path, body);
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    return await runKubectl({ kubeconfigPath: this.kubeconfigPath, args, env: this.#env });
  }

  async pipeToKubectl(input: string, ...args: readonly string[]): Promise<string> {
    return await runKubectl({ kubeconfigPath: this.kubeconfigPath, args, input, env: this.#env });
  }

  /** Every request the API server has answered, when started with `audit`. */
  async auditEvents(): Promise<readonly AuditEvent[]> {
    const lines = await this.#running.plane.auditLines();
    return lines.map((line) => JSON.parse(line) as AuditEvent);
  }

  /** Takes the API away at once, or in order with `SIGTERM`, which takes it some seconds; everything else runs on. */
  async stopApiServer(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    await this.#running.plane.stop("kube-apiserver", signal);
  }

  /** Brings the API back on the same address, with the same data. Resolves when it is ready. */
  async startApiServer(): Promise<void> {
    await this.#startApi();
  }

  /** Ends every process and starts them again, on the same address with the same data. */
  async restart(): Promise<void> {
    await this.#stopAll("SIGTERM");
    await this.#startAll();
  }

  /** The process id of a part, for measurements and signals. */
  pid(component: Component): number | undefined {
    return this.#running.plane.get(component)?.pid;
  }

  logs(): string {
    return this.#running.plane.logs();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#requester[Symbol.dispose]();
    // Nothing of it is needed any more, so nothing has to end in order.
    await this.#stopAll("SIGKILL");
    await this.#running.directory[Symbol.asyncDispose]();
  }

  get #env(): NonNullable<ClusterOptions["env"]> {
    return this.#running.options.env ?? process.env;
  }

  async #startAll(): Promise<void> {
    await this.#startApi();
    if (this.#running.options.workloads === false) return;
    const { plane } = this.#running;
    // A kwok that is gone still holds the node's lease, and the next would leave the node alone until it has run out.
    if (plane.get("kwok") === undefined) await this.#deleteLease();
    await Promise.all([...workloadComponents.map((component) => plane.start(component)), this.#createNode()]);
    const kwok = await plane.start("kwok");
    await kwok.waitForReady(async () => await this.#canRunPods(), { timeoutMs: readyTimeoutMs });
  }

  async #startApi(): Promise<void> {
    const { plane } = this.#running;
    // The API server waits for etcd by itself, so both load at the same time.
    const [etcd, api] = await Promise.all([plane.start("etcd"), plane.start("kube-apiserver")]);
    const isReady = async (): Promise<boolean> => {
      if (etcd.exit() !== undefined) throw new TestkitError("start-failed", `etcd ended: ${etcd.logs.tail()}`);
      await this.request("GET", "/readyz");
      return true;
    };
    await api.waitForReady(isReady, { timeoutMs: readyTimeoutMs });
  }

  async #createNode(): Promise<void> {
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name: nodeName,
        labels: { "kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" },
        annotations: { "kwok.x-k8s.io/node": "fake" },
      },
    };
    await this.request("PATCH", `/api/v1/nodes/${nodeName}?fieldManager=testkit&force=true`, JSON.stringify(node));
  }

  async #deleteLease(): Promise<void> {
    try {
      await this.request("DELETE", leasePath);
    } catch (error) {
      if (!(error instanceof KubeRequestError && error.status === 404)) throw error;
    }
  }

  async #canRunPods(): Promise<boolean> {
    interface Node {
      spec: { taints?: unknown[] };
      status: { conditions?: { type: string; status: string }[] };
    }
    const node = await this.request<Node>("GET", `/api/v1/nodes/${nodeName}`);
    const ready = node.status.conditions?.some(
      (condition) => condition.type === "Ready" && condition.status === "True",
    );
    if (ready !== true || (node.spec.taints?.length ?? 0) > 0) return false;
    await this.request("GET", "/api/v1/namespaces/default/serviceaccounts/default");
    await this.request("GET", leasePath);
    return true;
  }

  async #stopAll(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const { plane } = this.#running;
    await Promise.all(workloadComponents.map((component) => plane.stop(component, signal)));
    await plane.stop("kube-apiserver", signal);
    await plane.stop("etcd", signal);
  }
}
