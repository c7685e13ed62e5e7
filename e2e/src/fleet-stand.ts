import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadClientConfig } from "@axle/cli/client/client-config.ts";
import { FleetClient } from "@axle/cli/client/fleet-client.ts";
import type { ClusterView } from "@axle/cli/client/fleet-types.ts";
import type { Checkout } from "@axle/testkit/checkout.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { findFreePort } from "@axle/testkit/free-port.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import type { GitRepository } from "@axle/testkit/git-server.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { AxleProcess, runAxle } from "./axle-process.ts";
import type { AxleResult } from "./axle-process.ts";

const SAMPLE_REPOSITORY = fileURLToPath(new URL("../fixtures/sample-repo", import.meta.url));
const START_TIMEOUT_MS = 60_000;

export interface FleetStandOptions {
  /** Names of the clusters; each joins with the label `env=<name>`. */
  readonly clusters: readonly string[];
  /** The first commit is the sample repository; true: without its apps, which `addApps` brings. */
  readonly empty?: boolean;
  /** Written over that before the first commit: contents by path, null takes a path away. */
  readonly files?: Readonly<Record<string, string | null>>;
  /** False for API servers alone, where nothing becomes Available but everything starts faster. */
  readonly workloads?: boolean;
  /** Each API server keeps a log of every request (`cluster.auditEvents`). */
  readonly audit?: boolean;
  /** How often the hub polls; the push hook works beside it. */
  readonly poll?: string;
  /** Beside our own environment, for the hub. */
  readonly hubEnv?: Readonly<Record<string, string>>;
  /** A bundle of the agent to run instead of `axle agent`. */
  readonly agentBundle?: { readonly script: string; readonly nodeArgs: readonly string[] };
  /** False: clusters start, but no agent joins. */
  readonly join?: boolean;
  /** Told of each part as it starts, with how long it took. */
  readonly progress?: (text: string, tookMs: number) => void;
}

/** A cluster of the stand and the agent that works in it. */
export interface StandMember {
  readonly name: string;
  readonly cluster: KubeCluster;
  readonly agent: AxleProcess;
}

interface StandParts {
  readonly folder: string;
  readonly git: GitServer;
  readonly repository: GitRepository;
  readonly checkout: Checkout;
  readonly hub: AxleProcess;
  readonly members: ReadonlyMap<string, StandMember>;
  readonly client: FleetClient;
}

/**
 * A whole fleet on this machine: a Git server with a repository, a hub with its embedded NATS, real control planes, and
 * an agent for each, every one a process of its own. All end when the stand is disposed, or with this process.
 */
export class FleetStand implements AsyncDisposable {
  readonly git: GitServer;
  readonly repository: GitRepository;
  /** A working copy, to commit in and push from. */
  readonly checkout: Checkout;
  readonly hub: AxleProcess;
  readonly members: ReadonlyMap<string, StandMember>;
  readonly client: FleetClient;
  /** Holds the hub's data, the agents' and the tokens. */
  readonly folder: string;
  readonly #owned: AsyncDisposable;

  private constructor(parts: StandParts, owned: AsyncDisposable) {
    this.git = parts.git;
    this.repository = parts.repository;
    this.checkout = parts.checkout;
    this.hub = parts.hub;
    this.members = parts.members;
    this.client = parts.client;
    this.folder = parts.folder;
    this.#owned = owned;
  }

  /** Resolves when the hub answers and, unless `join` is false, every agent is online. Nothing is left when it rejects. */
  static async start(options: FleetStandOptions): Promise<FleetStand> {
    await using stack = new AsyncDisposableStack();
    const timed = timer(options.progress);
    const { path: folder } = stack.use(await createTemporaryDirectory("fleet"));
    const clusters = timed(`${options.clusters.length} Kubernetes control planes`, () =>
      Promise.all(
        options.clusters.map(async (name) =>
          stack.use(
            await KubeCluster.start({ name, workloads: options.workloads ?? true, audit: options.audit ?? false }),
          ),
        ),
      ),
    );
    // Started beside the rest; a failure of the rest must not leave it unheard.
    clusters.catch(() => undefined);

    const git = stack.use(await GitServer.start());
    const repository = await git.createRepository("fleet");
    const checkout = await repository.clone();
    const isApp = (path: string): boolean => path.startsWith(join(SAMPLE_REPOSITORY, "apps"));
    await cp(SAMPLE_REPOSITORY, checkout.directory, {
      recursive: true,
      filter: (path) => options.empty !== true || !isApp(path),
    });
    await checkout.publish(options.files ?? {}, "chore: a fleet");

    const data = hubDataOf(folder);
    const httpPort = await findFreePort();
    const hub = stack.use(
      new AxleProcess("hub", {
        args: await hubArguments({ repository, data, httpPort, poll: options.poll }),
        ...(options.hubEnv !== undefined && { env: options.hubEnv }),
      }),
    );
    const client = await timed("hub with its NATS server", async () => {
      await hub.start();
      return stack.use(await connect(hub, data));
    });
    git.setWebhook({
      url: `http://127.0.0.1:${httpPort}/hooks/git`,
      secret: (await readFile(join(data, "keys", "hook.secret"), "utf8")).trim(),
    });

    const members = new Map<string, StandMember>();
    for (const cluster of await clusters) {
      const agent = stack.use(agentProcess(folder, cluster, options.agentBundle));
      members.set(cluster.name, { name: cluster.name, cluster, agent });
    }
    const parts = { folder, git, repository, checkout, hub, members, client };
    const stand = new FleetStand(parts, stack);
    if (options.join ?? true) {
      await timed("agents, each joining by its own token", () =>
        Promise.all([...members.keys()].map((name) => stand.join(name))),
      );
    }
    return new FleetStand(parts, stack.move());
  }

  /** A cluster's agent gets a token of its own and is started. Resolves when the hub sees it online. */
  async join(name: string, labels: Readonly<Record<string, string>> = { env: name }): Promise<void> {
    const grant = { name, labels, uses: 1, ttlMs: 3_600_000, manualApproval: false };
    const { token } = await this.client.createToken(grant);
    await writeFile(tokenFileOf(this.folder, name), token, { mode: 0o600 });
    const { agent } = this.member(name);
    await agent.start();
    await agent.waitUntil(async () => (await this.clusterView(name))?.freshness.online === true, START_TIMEOUT_MS);
  }

  /** Copies the sample's apps into the checkout; committing and pushing is left to the caller. */
  async addApps(): Promise<void> {
    await cp(join(SAMPLE_REPOSITORY, "apps"), join(this.checkout.directory, "apps"), { recursive: true });
  }

  member(name: string): StandMember {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`the stand has no cluster ${name}`);
    return member;
  }

  async clusterView(name: string): Promise<ClusterView | undefined> {
    return (await this.client.listClusters("")).find((cluster) => cluster.name === name);
  }

  /** Starts the hub again, as it was, and waits until it answers. */
  async restartHub(): Promise<void> {
    await this.hub.start();
    await this.hub.waitUntil(() => this.client.getFleet().then(() => true), START_TIMEOUT_MS);
  }

  /** Process id of the hub's embedded NATS server, as the hub logged it last; undefined before. */
  get natsPid(): number | undefined {
    const lines = this.hub.logs(2_000).split("\n");
    const ready = lines.findLast((line) => line.includes('"msg":"nats-server ready"'));
    return ready === undefined ? undefined : (JSON.parse(ready) as { pid: number }).pid;
  }

  /** Runs the CLI against this hub. */
  async axle(...args: readonly string[]): Promise<AxleResult> {
    return runAxle(args, { cwd: this.folder, env: { AXLE_CLIENT: hubDataOf(this.folder) } });
  }

  /** Waits until the hub accepted `commit` and the clusters (all, unless some are named) have applied what it published. */
  async applied(
    commit: string,
    options: { readonly on?: readonly string[]; readonly timeoutMs?: number } = {},
  ): Promise<void> {
    await eventually(async () => (await this.client.getFleet()).accepted === commit, {
      what: `commit ${commit.slice(0, 7)} accepted`,
      timeoutMs: options.timeoutMs ?? 30_000,
    });
    await this.settled(options);
  }

  /** Waits until the clusters (all, unless some are named) have applied the slice that was published last for them. */
  async settled(options: { readonly on?: readonly string[]; readonly timeoutMs?: number } = {}): Promise<void> {
    const names = options.on ?? [...this.members.keys()];
    await eventually(
      async () => {
        const clusters = await this.client.listClusters("");
        return names.every((name) => isSettled(clusters.find((cluster) => cluster.name === name)));
      },
      { what: `everything applied on ${names.join(", ")}`, timeoutMs: options.timeoutMs ?? 30_000 },
    );
  }

  /** What every process wrote last, to show when something fails. */
  logs(): string {
    const processes = [this.hub, ...[...this.members.values()].map(({ agent }) => agent)];
    return processes.map((each) => `== ${each.name}\n${each.logs()}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}

/** The slice the hub published last is the one the agent reported applied. */
function isSettled(cluster: ClusterView | undefined): boolean {
  const { expected, applied, sync } = cluster ?? {};
  if (expected === undefined || applied === undefined) return false;
  return expected.epoch === applied.epoch && expected.n === applied.n && sync === "Applied";
}

async function connect(hub: AxleProcess, data: string): Promise<FleetClient> {
  const never = new AbortController().signal;
  let client: FleetClient | undefined;
  await hub.waitUntil(async () => {
    client ??= new FleetClient(await loadClientConfig(data, { env: {}, cwd: data }), never);
    await client.getFleet();
    return true;
  }, START_TIMEOUT_MS);
  if (client === undefined) throw new Error("the hub answers nobody");
  return client;
}

interface HubPlace {
  readonly repository: GitRepository;
  readonly data: string;
  readonly httpPort: number;
  readonly poll: string | undefined;
}

/** Ports are chosen here, not by the hub: agents must find it again after a restart. */
async function hubArguments({ repository, data, httpPort, poll }: HubPlace): Promise<string[]> {
  const [grpcPort, natsPort] = [await findFreePort(), await findFreePort()];
  const ports = ["--grpc-port", `${grpcPort}`, "--nats-port", `${natsPort}`, "--http-port", `${httpPort}`];
  const follow = ["--repo", repository.url, "--branch", "main", "--poll", poll ?? "15s"];
  return ["hub", ...follow, "--data", data, ...ports, "--http-plain"];
}

function agentProcess(
  folder: string,
  { name, kubeconfigPath }: KubeCluster,
  bundle: FleetStandOptions["agentBundle"],
): AxleProcess {
  const data = join(folder, `agent-${name}`);
  const args = ["--token-file", tokenFileOf(folder, name), "--kubeconfig", kubeconfigPath, "--data", data];
  const options = bundle === undefined ? { args: ["agent", ...args] } : { ...bundle, args };
  return new AxleProcess(`agent ${name}`, options);
}

function tokenFileOf(folder: string, name: string): string {
  return join(folder, `${name}.token`);
}

/** The hub's data folder, where `client.json` is. */
export function hubDataOf(folder: string): string {
  return join(folder, "hub");
}

function timer(progress: FleetStandOptions["progress"]): <T>(what: string, work: () => Promise<T>) => Promise<T> {
  return async (what, work) => {
    const startedMs = performance.now();
    const result = await work();
    progress?.(what, performance.now() - startedMs);
    return result;
  };
}
