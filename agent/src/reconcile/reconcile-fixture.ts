import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import type { SyncSettings } from "@axle/core/fleet/app.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AgentStep, AppReport, LeftReport } from "@axle/core/status/report.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import type { KubeAccess } from "../adapters/kube/kube-access.ts";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import { kubeconfigAccess } from "../adapters/kube/kubeconfig-access.ts";
import type { DesiredApp, DesiredState } from "../ports.ts";
import { KubeReconciler } from "../reconcile.ts";

export interface FixtureOptions {
  readonly kubeconfigPath: string;
  /** Makes the client; default a plain one. */
  readonly connect?: (access: KubeAccess) => KubeClient;
  readonly cluster?: string;
  readonly log?: Logger;
  readonly hubNow?: () => number;
  readonly guardrails?: Guardrails;
  readonly account?: string;
  readonly goneTimeoutMs?: number;
}

/** An agent's reconciler on a real cluster, with what it said; for tests. Dispose is what a crash is: it stops at once. */
export class ReconcileFixture implements AsyncDisposable {
  readonly client: KubeClient;
  readonly reconciler: KubeReconciler;
  readonly reports = new Map<string, AppReport>();
  readonly gone: string[] = [];
  readonly steps: { readonly number: SliceNumber; readonly step: AgentStep }[] = [];
  readonly left: LeftReport[] = [];
  passesWanted = 0;
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  #n = 0;

  private constructor(client: KubeClient, options: FixtureOptions) {
    this.client = client;
    this.reconciler = new KubeReconciler({
      client,
      cluster: options.cluster ?? "cluster-1",
      log: options.log ?? silentLogger,
      onPassWanted: () => (this.passesWanted += 1),
      ...(options.hubNow === undefined ? {} : { hubNow: options.hubNow }),
      account: options.account,
      ...(options.goneTimeoutMs === undefined ? {} : { goneTimeoutMs: options.goneTimeoutMs }),
      ...(options.guardrails === undefined ? {} : { guardrails: options.guardrails }),
      events: {
        app: (report) => this.reports.set(report.app, report),
        appGone: (app) => {
          this.reports.delete(app);
          this.gone.push(app);
        },
        step: (number, step) => this.steps.push({ number, step }),
        left: (report) => this.left.push(report),
      },
    });
    this.#watching = this.reconciler.watch(this.#stopping.signal);
  }

  static async start(options: FixtureOptions): Promise<ReconcileFixture> {
    const access = await kubeconfigAccess(options.kubeconfigPath);
    return new ReconcileFixture(options.connect?.(access) ?? new KubeClient(access), options);
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** One pass over these apps, as the next slice. */
  async apply(apps: readonly DesiredApp[], rest: Partial<DesiredState> = {}): ReturnType<KubeReconciler["reconcile"]> {
    this.#n = Math.max(this.#n, (await this.reconciler.readAccepted(this.signal))?.n ?? 0) + 1;
    return this.reconciler.reconcile(this.slice(apps, { number: { epoch: 1, n: this.#n }, ...rest }), this.signal);
  }

  slice(apps: readonly DesiredApp[], rest: Partial<DesiredState> = {}): DesiredState {
    return { number: { epoch: 1, n: this.#n }, apps, approvals: [], deletionHolds: [], ...rest };
  }

  report(app: string): AppReport {
    const report = this.reports.get(app);
    if (report === undefined) throw new Error(`no report of app ${app}`);
    return report;
  }

  async get(apiVersion: string, kind: string, path: string): Promise<KubeObject | undefined> {
    const [namespace = "", name = ""] = path.includes("/") ? path.split("/") : ["", path];
    return this.client.get({ apiVersion, kind, namespace, name }, this.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
    this.client[Symbol.dispose]();
  }
}

export interface AppOptions extends Partial<SyncSettings> {
  readonly revision?: number;
  readonly dependsOn?: readonly string[];
  readonly namespace?: string;
  readonly held?: string;
}

export function appOf(name: string, objects: readonly KubeObject[], options: AppOptions = {}): DesiredApp {
  const { revision = 1, dependsOn = [], namespace, held, ...sync } = options;
  return {
    name,
    revision,
    commit: "c0ffee",
    objects,
    settings: {
      sync: { ...DEFAULT_SYNC, timeoutMs: 20_000, ...sync },
      dependsOn,
      ignoreDifferences: [],
      healthChecks: [],
      ...(namespace === undefined ? {} : { namespace }),
    },
    ...(held === undefined ? {} : { held }),
  };
}

export function namespaceOf(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function configMapOf(path: string, data: Readonly<Record<string, string>> = { key: "value" }): KubeObject {
  const [namespace = "", name = ""] = path.split("/");
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data };
}

export function deploymentOf(path: string, options: { replicas?: number; image?: string } = {}): KubeObject {
  const [namespace = "", name = ""] = path.split("/");
  const { replicas = 1, image = "registry.example/web:1" } = options;
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image, ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}
