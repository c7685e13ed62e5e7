import { randomUUID } from "node:crypto";
import { credentials, Metadata } from "@grpc/grpc-js";
import type { ChannelCredentials, Client } from "@grpc/grpc-js";
import { FleetServiceClient } from "@axle/proto/axle/v1/fleet.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { Metrics } from "@axle/runtime/metrics.ts";
import { FleetApi } from "../../api/fleet-api.ts";
import { Admission } from "../../join/admission.ts";
import { AgentCredentials } from "../../join/agent-credentials.ts";
import { ClaimBook } from "../../join/claim-book.ts";
import { DepartureKeeper } from "../../join/departure-keeper.ts";
import { Departures } from "../../join/departures.ts";
import { Registrar } from "../../join/registrar.ts";
import { RenewalDesk } from "../../join/renewal-desk.ts";
import { TokenDesk } from "../../join/token-desk.ts";
import type { KeyedStore, Registration } from "../../registry-ports.ts";
import { ClusterDirectory } from "../../sessions/cluster-directory.ts";
import { FleetView } from "../../sessions/fleet-view.ts";
import { exposeSessionMetrics } from "../../sessions/session-metrics.ts";
import { Sessions } from "../../sessions/sessions.ts";
import { HttpServer } from "../http/server.ts";
import { NatsAccessRevoker } from "../nats/access-revoker.ts";
import { AuditTrail } from "../nats/audit-trail.ts";
import { registryStores } from "../nats/registry-stores.ts";
import { neverAborts, TestFleet } from "../nats/test-fleet.ts";
import { GrpcServer } from "./server.ts";
import { TestAgent } from "./test-agent.ts";
import { Shelf } from "./test-shelf.ts";

/** For tests: the front of a hub, real but for the loop, over a real NATS server. */
export class TestFront implements AsyncDisposable {
  readonly fleet: TestFleet;
  readonly shelf = new Shelf();
  /** Added to the hub's clock. */
  aheadMs = 0;
  view!: FleetView;
  clusters!: KeyedStore<Registration>;
  api!: FleetApi;
  grpc!: GrpcServer;
  http!: HttpServer;
  readonly #stack = new AsyncDisposableStack();
  #stop: (() => Promise<void>) | undefined;

  private constructor(fleet: TestFleet) {
    this.fleet = this.#stack.use(fleet);
    this.#stack.defer(() => this.stop());
  }

  static async start(): Promise<TestFront> {
    const front = new TestFront(await TestFleet.start());
    await front.startHub();
    return front;
  }

  readonly now = (): number => Date.now() + this.aheadMs;

  get grpcAddress(): string {
    return `localhost:${this.grpc.port}`;
  }

  /** As a process of its own would, over the same store and keys. */
  async startHub(): Promise<void> {
    const { now, shelf } = this;
    const log = silentLogger;
    const { keys, identity } = this.fleet;
    const { ca, adminToken, hookSecret } = keys;
    const connection = await this.fleet.connect();
    const { clusters, claims: claimStore, tokens, statuses } = registryStores(connection);
    const audit = new AuditTrail(connection);
    const directory = new ClusterDirectory({ clusters, log });
    const view = new FleetView({ statuses, now, log });
    await Promise.all([directory.hydrate(neverAborts), view.hydrate(neverAborts)]);
    const issue = async ({ id, credentialsVoidMs }: Pick<Registration, "id" | "credentialsVoidMs">) => ({
      servers: ["tls://localhost:4222"],
      caPem: ca.certificatePem,
      creds: identity.mintAgentUser(id, 60_000, credentialsVoidMs),
      expiresAtMs: now() + 60_000,
    });
    const address = () => this.grpcAddress;
    const credentials = new AgentCredentials({
      ca,
      keySet: keys.keySet,
      natsAccess: { issue },
      sessionAddress: address,
      now,
    });
    const desk = new TokenDesk({ tokens, ca, hubAddress: address, now });
    const claims = new ClaimBook({ claims: claimStore, clusters, now });
    const joining = { clusters, claims, credentials, audit, now, log };
    const access = new NatsAccessRevoker(await this.fleet.connectOptions());
    const statusOf = (id: string) => view.statusOf(id);
    const departures = new Departures({ clusters, statusOf, access, audit, newId: randomUUID, now, log });
    const onReconnected = (listener: () => void) => connection.onReconnected(listener);
    const keeper = new DepartureKeeper({ directory, view, departures, claims, access, onReconnected, log });
    const sessions = new Sessions({
      view,
      directory,
      clusters,
      credentials,
      slices: shelf,
      departures,
      hubVersion: "0.1.0-test",
      now,
      log,
    });
    const admission = new Admission(joining);
    const metrics = new Metrics();
    exposeSessionMetrics(metrics, { directory, view });
    this.clusters = clusters;
    this.view = view;
    const about = { reader: shelf, commands: shelf, view, directory };
    this.api = new FleetApi({ ...about, desk, admission, departures, agents: sessions, audit, now });
    const shared = { host: "127.0.0.1", port: 0, tls: keys.server, adminToken, api: this.api, log };
    this.grpc = await GrpcServer.start({
      ...shared,
      caPem: ca.certificatePem,
      registrar: new Registrar({ ...joining, desk, tokens }),
      desk: new RenewalDesk(joining),
      sessions,
    });
    const hooks = { branch: () => shelf.branch, pushed: (atMs: number) => shelf.poke("hook", atMs) };
    this.http = await HttpServer.start({ ...shared, hookSecret, hooks, metrics, unready: () => [], now });
    const stops = [this.grpc, this.http, sessions, keeper, view, directory].map((service) => {
      const stop = new AbortController();
      const run = service.run(stop.signal);
      return async () => {
        stop.abort();
        await run;
      };
    });
    this.#stop = async () => {
      for (const stop of stops) await stop();
    };
  }

  /** What a hub would know that starts now while this one was killed: read from the store alone. */
  async openViewElsewhere(): Promise<FleetView> {
    const { statuses } = registryStores(await this.fleet.connect());
    const view = new FleetView({ statuses, now: this.now, log: silentLogger });
    await view.hydrate(neverAborts);
    return view;
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }

  async createToken(
    wish: {
      name?: string;
      labels?: Record<string, string>;
      uses?: number;
      manualApproval?: boolean;
      ttlMs?: number;
    } = {},
  ) {
    const { name = "prod-1", labels = { env: "prod" }, uses = 1, manualApproval = false, ttlMs = 0 } = wish;
    const { token } = await this.api.createToken({ name, labels, uses, ttlMs, manualApproval }, "test", neverAborts);
    return token;
  }

  clientOf<C extends Client>(
    Constructor: new (address: string, channel: ChannelCredentials) => C,
    identity?: { keyPem: string; certificatePem: string },
  ): C {
    const ca = Buffer.from(this.fleet.keys.ca.certificatePem);
    const secured =
      identity === undefined
        ? credentials.createSsl(ca)
        : credentials.createSsl(ca, Buffer.from(identity.keyPem), Buffer.from(identity.certificatePem));
    const client = new Constructor(this.grpcAddress, secured);
    this.#stack.defer(() => client.close());
    return client;
  }

  /** FleetService with the given token, the admin's by default. */
  people(token = this.fleet.keys.adminToken) {
    const client = this.clientOf(FleetServiceClient);
    const metadata = new Metadata();
    if (token !== "") metadata.set("authorization", `Bearer ${token}`);
    return { client, metadata };
  }

  async newAgent(): Promise<TestAgent> {
    return TestAgent.create((Constructor, identity) => this.clientOf(Constructor, identity));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
