import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findTool } from "@axle/tools/locate-tool.ts";
import { type SupervisedProcess, spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import type { ComponentUser, KubeIdentity } from "./kube-identity.ts";
import { formatKubeconfig } from "./kubeconfig.ts";

export type Component = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kwok";

const apiComponents = ["etcd", "kube-apiserver"] as const satisfies readonly Component[];
/** What makes objects do something: without them Deployments stay empty and namespaces never finish deleting. */
export const workloadComponents = [
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
] as const satisfies readonly Component[];

export interface ControlPlaneOptions {
  readonly name: string;
  readonly directory: string;
  readonly identity: KubeIdentity;
  readonly port: number;
  /** Controllers, scheduler and kwok beside the API; without them nothing runs, is collected or finishes deleting. */
  readonly workloads: boolean;
  readonly audit: boolean;
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly apiServerArgs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

const auditPolicy = { apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [{ level: "Metadata" }] };

/** The processes of one Kubernetes control plane on loopback, with their files in one directory. */
export class ControlPlane {
  readonly server: string;
  readonly #options: ControlPlaneOptions;
  readonly #running = new Map<Component, SupervisedProcess>();
  readonly #earlierLogs = new Map<Component, string>();
  readonly #binaries = new Map<Component, string>();

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.server = `https://127.0.0.1:${options.port}`;
  }

  /** Gets the binaries and writes keys, tokens and kubeconfigs. Call once, before `start`. */
  async prepare(): Promise<void> {
    const { identity, env, workloads } = this.#options;
    // One after the other: each of those that have to be built uses all cores.
    for (const component of workloads ? [...apiComponents, ...workloadComponents] : apiComponents) {
      this.#binaries.set(component, (await findTool(component, { env })).path);
    }
    const files: Record<string, string> = {
      "ca.crt": identity.caPem,
      "apiserver.crt": identity.servingCertificatePem,
      "apiserver.key": identity.servingKeyPem,
      "service-account.key": identity.serviceAccountKeyPem,
      "tokens.csv": identity.tokenFile,
      "audit-policy.json": JSON.stringify(auditPolicy),
    };
    for (const user of Object.keys(identity.tokens) as ComponentUser[]) {
      const fields = {
        name: this.#options.name,
        server: this.server,
        caPem: identity.caPem,
        token: identity.tokens[user],
      };
      files[`${user}.kubeconfig`] = formatKubeconfig(fields);
    }
    const writes = Object.entries(files).map(([name, text]) => writeFile(this.path(name), text, { mode: 0o600 }));
    await Promise.all(writes);
  }

  path(name: string): string {
    return join(this.#options.directory, name);
  }

  /** Starts one part, unless it runs already. It may not be ready yet. */
  async start(component: Component): Promise<SupervisedProcess> {
    const present = this.#running.get(component);
    if (present !== undefined && present.exit() === undefined) return present;
    const started = await spawnSupervised(this.#binaries.get(component) ?? component, this.#args(component), {
      name: component,
      cwd: this.#options.directory,
      env: { PATH: this.#options.env["PATH"], HOME: this.#options.directory },
    });
    this.#running.set(component, started);
    return started;
  }

  /** Ends one part if it runs: with SIGTERM, and -9 after five seconds, or at once with `SIGKILL`. */
  async stop(component: Component, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const running = this.#running.get(component);
    if (running === undefined) return;
    if (signal === "SIGKILL") {
      running.kill("SIGKILL");
      await running.exited;
    } else {
      await running.stop({ timeoutMs: 5_000 });
    }
    const logs = `${this.#earlierLogs.get(component) ?? ""}${running.logs.tail(500)}\n`;
    this.#earlierLogs.set(component, logs.slice(-200_000));
    this.#running.delete(component);
  }

  get(component: Component): SupervisedProcess | undefined {
    return this.#running.get(component);
  }

  /** What each part wrote, newest last. */
  logs(): string {
    const names = new Set([...this.#earlierLogs.keys(), ...this.#running.keys()]);
    const parts = [...names].map((name) => {
      const now = this.#running.get(name)?.logs.tail(300) ?? "";
      return `== ${name}\n${this.#earlierLogs.get(name) ?? ""}${now}`;
    });
    return parts.join("\n");
  }

  /** One entry per request since the start, when the audit log is on. */
  async auditLines(): Promise<readonly string[]> {
    const text = await readFile(this.path("audit.log"), "utf8");
    return text.split("\n").filter((line) => line !== "");
  }

  #args(component: Component): readonly string[] {
    const user = component === "kube-apiserver" || component === "etcd" ? "admin" : component;
    const kubeconfig = this.path(`${user}.kubeconfig`);
    switch (component) {
      case "etcd":
        return this.#etcdArgs();
      case "kube-apiserver":
        return this.#apiServerArgs();
      case "kube-controller-manager":
        return [
          `--kubeconfig=${kubeconfig}`,
          "--leader-elect=false",
          // No port of its own: nobody asks, and two clusters would take the same one.
          "--secure-port=0",
          `--root-ca-file=${this.path("ca.crt")}`,
          `--service-account-private-key-file=${this.path("service-account.key")}`,
          "--kube-api-qps=200",
          "--kube-api-burst=400",
          ...this.#gates(),
        ];
      case "kube-scheduler":
        return [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0", ...this.#gates()];
      case "kwok":
        return [
          `--kubeconfig=${kubeconfig}`,
          `--config=${join(import.meta.dirname, "../stages/node.yaml")}`,
          `--config=${join(import.meta.dirname, "../stages/pod.yaml")}`,
          "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
          "--node-ip=10.1.0.1",
          "--cidr=10.2.0.0/16",
          "--node-lease-duration-seconds=40",
        ];
    }
  }

  /** Unix sockets instead of ports: two fewer to be taken by somebody else. */
  #etcdArgs(): readonly string[] {
    const client = `unix://${this.path("etcd.sock")}`;
    const peer = `unix://${this.path("peer.sock")}`;
    return [
      `--data-dir=${this.path("etcd")}`,
      "--name=test",
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=test=${peer}`,
      "--unsafe-no-fsync",
      "--log-level=warn",
    ];
  }

  #apiServerArgs(): readonly string[] {
    const { port, audit, workloads, apiServerArgs } = this.#options;
    const serviceAccountKey = this.path("service-account.key");
    return [
      `--etcd-servers=unix://${this.path("etcd.sock")}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${port}`,
      "--endpoint-reconciler-type=none",
      `--tls-cert-file=${this.path("apiserver.crt")}`,
      `--tls-private-key-file=${this.path("apiserver.key")}`,
      `--token-auth-file=${this.path("tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${serviceAccountKey}`,
      `--service-account-signing-key-file=${serviceAccountKey}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      "--allow-privileged=true",
      "--profiling=false",
      // Service accounts are made by a controller; where there is none, a pod would wait for one for ever.
      ...(workloads ? [] : ["--disable-admission-plugins=ServiceAccount"]),
      ...(audit
        ? [`--audit-policy-file=${this.path("audit-policy.json")}`, `--audit-log-path=${this.path("audit.log")}`]
        : []),
      ...this.#gates(),
      ...apiServerArgs,
    ];
  }

  #gates(): readonly string[] {
    const gates = Object.entries(this.#options.featureGates).map(([name, on]) => `${name}=${String(on)}`);
    return gates.length === 0 ? [] : [`--feature-gates=${gates.join(",")}`];
  }
}
