import { Metadata } from "@grpc/grpc-js";
import type { CallOptions, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import type { LeavingMode } from "@axle/core/slice/slice.ts";
import { FleetServiceClient } from "../adapters/grpc/wire.ts";
import * as wire from "../adapters/grpc/wire.ts";
import { callErrorFrom } from "./errors.ts";
import { hubChannel } from "./hub-channel.ts";
import type { ClientConfig } from "./client-config.ts";
import type {
  AppView,
  ClusterView,
  DeletionView,
  FleetView,
  FreshnessView,
  SyncedView,
  StatusView,
  TargetView,
  TimelineView,
  TokenView,
} from "./fleet-types.ts";

const DEADLINE_MS = 15_000;
const PAGE_SIZE = 1_000;

/** What `status` asks about. */
export interface StatusSubject {
  readonly type: "app" | "cluster" | "name";
  readonly name: string;
}

/** What a join token grants. */
export interface TokenGrant {
  readonly labels: Readonly<Record<string, string>>;
  /** A name, or a pattern such as `edge-*`. */
  readonly name: string;
  readonly uses: number;
  readonly ttlMs: number;
  readonly manualApproval: boolean;
}

/** How a cluster stands after it was told to leave. */
export interface ForgetOutcome {
  readonly id: string;
  readonly name: string;
  /** `leaving`, or `forgotten` when nothing is left to wait for. */
  readonly state: string;
  readonly freshness: FreshnessView;
  /** When the yes to deleting ends; 0 where nothing is deleted. */
  readonly expiresAtMs: number;
}

/** A hub, as commands see it. Every method throws CliError and nothing else; lists are read to their last page. */
export class FleetClient implements Disposable {
  readonly #client: FleetServiceClient;
  readonly #metadata: Metadata;
  readonly #address: string;
  readonly #signal: AbortSignal;

  constructor(config: ClientConfig, signal: AbortSignal) {
    this.#address = config.address;
    this.#signal = signal;
    const channel = hubChannel(config.address, config.caPem);
    this.#client = new FleetServiceClient(config.address, channel.credentials, channel.options);
    this.#metadata = new Metadata();
    this.#metadata.set("authorization", `Bearer ${config.token}`);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async listClusters(selector: string): Promise<ClusterView[]> {
    return this.#pages(async (page) => {
      const answer = await this.#call(this.#client.listClusters, { selector, page });
      return { items: answer.clusters.map(wire.clusterOf), next: answer.nextPageToken };
    });
  }

  async listApps(): Promise<AppView[]> {
    return this.#pages(async (page) => {
      const answer = await this.#call(this.#client.listApps, { page });
      return { items: answer.apps.map(wire.appOf), next: answer.nextPageToken };
    });
  }

  async getStatus(subject: StatusSubject): Promise<StatusView> {
    const request = { subject: { $case: subject.type, value: subject.name } };
    return wire.statusOf(await this.#call(this.#client.getStatus, request));
  }

  async listTargets(selector: string, app: string): Promise<TargetView[]> {
    const answer = await this.#call(this.#client.listTargets, { selector, app });
    return answer.targets.map(wire.targetOf);
  }

  async createToken(grant: TokenGrant): Promise<TokenView> {
    const answer = await this.#call(this.#client.createToken, {
      labels: { ...grant.labels },
      name: grant.name,
      uses: grant.uses,
      ttlSeconds: Math.ceil(grant.ttlMs / 1_000),
      manualApproval: grant.manualApproval,
    });
    return { id: answer.id, token: answer.token, expiresAtMs: Number(answer.expiresAtMs) };
  }

  /** Lets a cluster in that waits for a person. Resolves to the id and name it has from now on. */
  async admitCluster(cluster: string): Promise<{ readonly id: string; readonly name: string }> {
    const { id, name } = await this.#call(this.#client.admitCluster, { cluster });
    return { id, name };
  }

  /** A cluster leaves. Resolves to how it stands then. */
  async forgetCluster(wish: {
    cluster: string;
    mode: LeavingMode;
    now: boolean;
    ttlMs: number;
  }): Promise<ForgetOutcome> {
    const { cluster, mode, now, ttlMs } = wish;
    const request = { cluster, mode, now, ttlSeconds: mode === "delete" ? Math.ceil(ttlMs / 1_000) : 0 };
    return wire.forgetOf(await this.#call(this.#client.forgetCluster, request));
  }

  /** One that was told to leave stays. */
  async cancelForgetCluster(cluster: string): Promise<{ readonly id: string; readonly name: string }> {
    return this.#call(this.#client.cancelForgetCluster, { cluster });
  }

  /** Cuts a cluster's credentials; resolves when they count no more. */
  async revokeCluster(cluster: string): Promise<{ readonly id: string; readonly name: string }> {
    return this.#call(this.#client.revokeCluster, { cluster });
  }

  /** Serves a cluster again that is on hold. */
  async resumeCluster(cluster: string): Promise<{ readonly id: string; readonly name: string }> {
    return this.#call(this.#client.resumeCluster, { cluster });
  }

  /** Looks at the repository, and has agents look at these apps, or all, of the clusters picked. */
  async syncNow(wish: { apps: readonly string[]; selector: string; cluster: string }): Promise<SyncedView[]> {
    const answer = await this.#call(this.#client.syncNow, { ...wish, apps: [...wish.apps] });
    return answer.clusters.map(wire.syncedOf);
  }

  async listPendingDeletions(): Promise<DeletionView[]> {
    const answer = await this.#call(this.#client.listPendingDeletions, {});
    return answer.deletions.map(wire.deletionOf);
  }

  /** Allows exactly the deletion set of this hash, once, for `ttlMs`. Resolves to when the approval ends. */
  async approveDeletion(approval: { cluster: string; app: string; hash: string; ttlMs: number }): Promise<number> {
    const { cluster, app, hash, ttlMs } = approval;
    const request = { cluster, app, hash, ttlSeconds: Math.ceil(ttlMs / 1_000) };
    return Number((await this.#call(this.#client.approveDeletion, request)).expiresAtMs);
  }

  /** Lets the hub follow a branch that was rewritten to this head. Resolves to the whole commit id. */
  async allowRewrite(commit: string): Promise<string> {
    return (await this.#call(this.#client.allowRewrite, { commit })).commit;
  }

  async getFleet(): Promise<FleetView> {
    return wire.fleetOf(await this.#call(this.#client.getFleet, {}));
  }

  /** `commit` may be a prefix; "" is the newest. */
  async getTimeline(commit: string): Promise<TimelineView> {
    return wire.timelineOf(await this.#call(this.#client.getTimeline, { commit }));
  }

  async #pages<T>(
    read: (page: { size: number; token: string }) => Promise<{ items: T[]; next: string }>,
  ): Promise<T[]> {
    const all: T[] = [];
    let token = "";
    do {
      const { items, next } = await read({ size: PAGE_SIZE, token });
      all.push(...items);
      token = next;
    } while (token !== "");
    return all;
  }

  async #call<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const deadline = new Date(Date.now() + DEADLINE_MS);
    const call = method.call(this.#client, request, this.#metadata, { deadline }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
    const cancel = (): void => call.cancel();
    this.#signal.addEventListener("abort", cancel, { once: true });
    try {
      return await promise;
    } catch (error) {
      throw callErrorFrom(error, this.#address);
    } finally {
      this.#signal.removeEventListener("abort", cancel);
    }
  }
}

/** A method of the generated client, in the form that takes everything. */
type UnaryMethod<Request, Response> = (
  this: FleetServiceClient,
  ...args: [
    request: Request,
    metadata: Metadata,
    options: Partial<CallOptions>,
    callback: (error: ServiceError | null, response: Response) => void,
  ]
) => ClientUnaryCall;
