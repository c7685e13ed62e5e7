import { eventually } from "@axle/testkit/eventually.ts";
import type { AuditEvent, KubeCluster } from "@axle/testkit/kube-cluster.ts";
import type { AxleProcess } from "../axle-process.ts";
import { FleetStand } from "../fleet-stand.ts";
import { bundleAgent } from "./bundle-agent.ts";
import type { SampleObject } from "./sample-objects.ts";

const CLUSTER = "bench";
const APPLY_TIMEOUT_MS = 90_000;

export interface AgentStandOptions {
  readonly progress: (text: string) => void;
  /** Keep the API server's log of requests. */
  readonly audit?: boolean;
}

/** When the agent took each step of a commit, in milliseconds since 1970. */
export interface AgentSteps {
  readonly rungAtMs: number;
  readonly dryRunAtMs: number;
  readonly appliedAtMs: number;
}

/**
 * One API server without controllers, a hub, and the agent as an image runs it: bundled, a process of its own, told of
 * each commit through the hub and NATS.
 */
export class AgentStand implements AsyncDisposable {
  readonly fleet: FleetStand;

  private constructor(fleet: FleetStand) {
    this.fleet = fleet;
  }

  static async start({ progress, audit = false }: AgentStandOptions): Promise<AgentStand> {
    progress("bundling the agent");
    const agentBundle = await bundleAgent();
    progress("starting a cluster, a hub and an agent");
    return new AgentStand(
      await FleetStand.start({ clusters: [CLUSTER], empty: true, workloads: false, audit, agentBundle }),
    );
  }

  get cluster(): KubeCluster {
    return this.fleet.member(CLUSTER).cluster;
  }

  get agent(): AxleProcess {
    return this.fleet.member(CLUSTER).agent;
  }

  /** Ends the agent and starts it again. Resolves when it hears from hub and NATS. */
  async restartAgent(): Promise<void> {
    await this.agent.stop();
    await this.agent.start();
    const isReady = async () =>
      ["connected to the hub", "connected to nats"].every((line) => this.agent.logs(500).includes(line));
    await this.agent.waitUntil(isReady, APPLY_TIMEOUT_MS);
  }

  /** Pushes what is given, and waits until the agent has applied it. */
  async publish(files: Readonly<Record<string, string>>, message: string): Promise<AgentSteps> {
    const commit = await this.fleet.checkout.publish(files, message);
    return this.stepsOf(commit);
  }

  /** Once the agent has said that it applied the commit. */
  async stepsOf(commit: string): Promise<AgentSteps> {
    return eventually(
      async () => {
        const { clusters } = await this.fleet.client.getTimeline(commit);
        const steps = clusters.find(({ cluster }) => cluster === CLUSTER)?.steps ?? [];
        const [rungAtMs, dryRunAtMs, appliedAtMs] = ["rung", "dry-run", "applied"].map(
          (name) => steps.find((step) => step.name === name)?.atMs,
        );
        if (rungAtMs === undefined || dryRunAtMs === undefined || appliedAtMs === undefined) return false;
        return { rungAtMs, dryRunAtMs, appliedAtMs };
      },
      { what: `commit ${commit.slice(0, 7)} applied by the agent`, timeoutMs: APPLY_TIMEOUT_MS },
    );
  }

  /** Every request of the agent that was answered, oldest first. Only with `audit`. */
  async agentRequests(): Promise<readonly AuditEvent[]> {
    const events = await this.cluster.auditEvents();
    return events.filter(({ userAgent, stage }) => userAgent === "axle-agent" && stage === "ResponseComplete");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
  }
}

/** The files of an app of plain manifests in the namespace that has its name. */
export function appFiles(
  app: string,
  objects: readonly SampleObject[],
  sync: Readonly<Record<string, unknown>> = {},
): Record<string, string> {
  const spec = { source: { path: "./manifests" }, namespace: app, clusters: { all: true }, sync };
  const file = { apiVersion: "axle.dev/v1", kind: "App", metadata: { name: app }, spec };
  return {
    [`apps/${app}/app.yaml`]: JSON.stringify(file),
    [`apps/${app}/manifests/all.yaml`]: asYaml(objects),
  };
}

/** Documents of one YAML file; JSON is YAML. */
export function asYaml(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}
