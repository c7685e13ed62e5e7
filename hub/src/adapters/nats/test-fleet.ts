import { join } from "node:path";
import process from "node:process";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { jetstream } from "@nats-io/jetstream";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { createLogger } from "@axle/runtime/logger.ts";
import type { HubKeys } from "../../identity/hub-keys.ts";
import { openHubKeys } from "../../identity/hub-keys.ts";
import { connectHub } from "./connect.ts";
import type { ConnectOptions } from "./connect.ts";
import { EmbeddedServer } from "./embedded-server.ts";
import type { EmbeddedServerOptions } from "./embedded-server.ts";
import type { HubConnection } from "./hub-connection.ts";
import { acquire } from "./lead.ts";
import type { Leadership } from "./leadership.ts";
import { NatsIdentity } from "./nats-identity.ts";
import { ensureStreams } from "./streams.ts";

/** `AXLE_TEST_LOG=debug` shows what the code under test says. */
const testLog = createLogger({
  destination: process.stderr,
  format: "text",
  level: process.env["AXLE_TEST_LOG"] === "debug" ? "debug" : "silent",
});

/** For tests: the NATS side of one hub on a data folder of its own, with a real server. */
export class TestFleet implements AsyncDisposable {
  readonly keys: HubKeys;
  readonly identity: NatsIdentity;
  readonly dataDir: string;
  readonly #binary: string;
  readonly #stack: AsyncDisposableStack;
  #server: { readonly embedded: EmbeddedServer; stop(): Promise<void> } | undefined;

  private constructor(given: { keys: HubKeys; dataDir: string; binary: string; stack: AsyncDisposableStack }) {
    this.keys = given.keys;
    this.identity = new NatsIdentity(given.keys.nats);
    this.dataDir = given.dataDir;
    this.#binary = given.binary;
    this.#stack = given.stack;
  }

  /** With a running server and its streams. */
  static async start(): Promise<TestFleet> {
    const stack = new AsyncDisposableStack();
    const folder = stack.use(await createTemporaryDirectory("nats"));
    const keys = await openHubKeys({ dataDir: folder.path, hosts: [], nowMs: Date.now() });
    const { path: binary } = await findTool("nats-server");
    const fleet = new TestFleet({ keys, dataDir: join(folder.path, "nats"), binary, stack });
    stack.defer(() => fleet.stopServer());
    await fleet.startServer();
    const connection = await fleet.connect();
    await ensureStreams(connection, { replicas: 1, log: testLog, signal: neverAborts });
    return fleet;
  }

  get server(): EmbeddedServer {
    if (this.#server === undefined) throw new Error("the server does not run");
    return this.#server.embedded;
  }

  /** Runs the server as a hub's process would. */
  async startServer(): Promise<void> {
    const embedded = this.makeServer();
    const stop = new AbortController();
    const ended = embedded.run(stop.signal);
    this.#server = {
      embedded,
      async stop() {
        stop.abort();
        await ended;
      },
    };
    await embedded.ready(neverAborts);
  }

  makeServer(more: Partial<EmbeddedServerOptions> = {}): EmbeddedServer {
    return new EmbeddedServer({
      identity: this.identity,
      dataDir: this.dataDir,
      binary: this.#binary,
      host: "127.0.0.1",
      port: 0,
      webSocketPort: 0,
      tls: { certFile: join(this.keys.folder.path, "server.crt"), keyFile: join(this.keys.folder.path, "server.key") },
      log: testLog,
      sendSignal: (pid, signal) => process.kill(pid, signal),
      ...more,
    });
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  async connectOptions(): Promise<ConnectOptions> {
    const { port } = await (this.#server?.embedded ?? this.makeServer()).ports();
    return {
      servers: [`tls://127.0.0.1:${port}`],
      identity: this.identity,
      caPem: this.keys.ca.certificatePem,
      log: testLog,
      signal: neverAborts,
    };
  }

  /** As the hub; closed at the end. */
  async connect(): Promise<HubConnection> {
    return this.#stack.use(await connectHub(await this.connectOptions()));
  }

  /** As a cluster's agent, by its minted credentials alone; closed at the end. */
  async connectAgent(cluster: string, creds?: string): Promise<NatsConnection> {
    const { servers, caPem } = await this.connectOptions();
    const text = creds ?? this.identity.mintAgentUser(cluster, 3_600_000);
    const nc = await connect({
      servers: [...servers],
      authenticator: credsAuthenticator(Buffer.from(text)),
      tls: { ca: caPem ?? "" },
      inboxPrefix: `_INBOX_${cluster}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      timeout: 5_000,
    });
    this.#stack.defer(() => nc.close());
    return nc;
  }

  /** Takes the lease; `instance` as for a hub on that data. */
  async lead(connection: HubConnection, instance = "test"): Promise<Leadership> {
    return acquire({ connection, log: testLog, holder: "test", instance, ttlMs: 300, renewMs: 50 }, neverAborts);
  }

  jetstream(nc: NatsConnection) {
    return jetstream(nc, { timeout: 2_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

export const neverAborts = new AbortController().signal;
