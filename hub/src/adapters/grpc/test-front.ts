import { generateKeyPairSync, sign, webcrypto } from "node:crypto";
import { credentials, Metadata } from "@grpc/grpc-js";
import type { ChannelCredentials, Client, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import { renewText } from "@axle/core/session/messages.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { DeletionApproval, SliceNumber } from "@axle/core/slice/slice.ts";
import { FleetServiceClient } from "@axle/proto/axle/v1/fleet.ts";
import { RegistrationServiceClient } from "@axle/proto/axle/v1/registration.ts";
import type { Registered, RegisterResponse, RenewResponse } from "@axle/proto/axle/v1/registration.ts";
import { SessionServiceClient } from "@axle/proto/axle/v1/session.ts";
import type { ConnectRequest, ConnectResponse } from "@axle/proto/axle/v1/session.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { Metrics } from "@axle/runtime/metrics.ts";
import type { ApprovalOrder, FleetCommands, FleetReader } from "../../api/ports.ts";
import { openFront } from "../../front.ts";
import type { Front } from "../../front.ts";
import { ECDSA_P256, Pkcs10CertificateRequestGenerator } from "../../identity/x509.ts";
import type { FleetRecord } from "../../ports.ts";
import { openRegistry } from "../../registry.ts";
import type { Registry } from "../../registry.ts";
import { AuditTrail } from "../nats/audit-trail.ts";
import { registryStores } from "../nats/registry-stores.ts";
import { neverAborts, TestFleet } from "../nats/test-fleet.ts";

/** For tests: what the loop would tell, set by hand. */
export class Shelf implements FleetReader, FleetCommands {
  record: FleetRecord | undefined;
  readonly records = new Map<string, AppRecord>();
  readonly numbers = new Map<string, SliceNumber>();
  readonly merged: FleetCluster[] = [];
  readonly pokes: number[] = [];
  readonly given: DeletionApproval[] = [];
  branch = "main";
  readonly #listeners = new Set<(clusterIds: readonly string[]) => void>();

  publish(clusterId: string, number: SliceNumber): void {
    this.numbers.set(clusterId, number);
    for (const listener of this.#listeners) listener([clusterId]);
  }

  fleet() {
    return this.record;
  }

  repository() {
    return { url: "https://git.example.com/fleet", branch: this.branch, lastFetchMs: 0, fetchError: "" };
  }

  apps() {
    return this.records;
  }

  resolved() {
    return new Map();
  }

  clusters() {
    return this.merged;
  }

  approvals() {
    return this.given;
  }

  expected(clusterId: string) {
    return this.numbers.get(clusterId);
  }

  onPublished(listener: (clusterIds: readonly string[]) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async approve({ app, hash, expiresAtMs }: ApprovalOrder): Promise<DeletionApproval> {
    const approval = { id: "a-1", app, hash, expiresAtMs };
    this.given.push(approval);
    return approval;
  }

  async allowRewrite({ commit }: { commit: string }): Promise<string> {
    return commit;
  }

  poke(_reason: "hook", atMs: number): void {
    this.pokes.push(atMs);
  }
}

/** For tests: the front of a hub, real but for the loop, over a real NATS server. */
export class TestFront implements AsyncDisposable {
  readonly fleet: TestFleet;
  readonly shelf = new Shelf();
  /** Added to the hub's clock. */
  aheadMs = 0;
  registry!: Registry;
  front!: Front;
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

  /** As a process of its own would, over the same store and keys. */
  async startHub(): Promise<void> {
    const { keys, identity } = this.fleet;
    const connection = await this.fleet.connect();
    const stores = registryStores(connection);
    this.registry = await openRegistry({ ...stores, now: this.now, log: silentLogger }, neverAborts);
    this.front = await openFront({
      registry: this.registry,
      keys,
      natsAccess: {
        issue: async (clusterId) => ({
          servers: ["tls://127.0.0.1:4222"],
          caPem: keys.ca.certificatePem,
          creds: await identity.mintAgentUser(clusterId, 60_000),
          expiresAtMs: this.now() + 60_000,
        }),
      },
      audit: new AuditTrail(connection),
      reader: this.shelf,
      commands: this.shelf,
      host: "127.0.0.1",
      grpcPort: 0,
      httpPort: 0,
      httpPlain: false,
      advertisedHost: "127.0.0.1",
      hosts: [],
      hubVersion: "0.1.0-test",
      metrics: new Metrics(),
      unready: () => [],
      now: this.now,
      log: silentLogger,
    });
    const stop = new AbortController();
    const runs = [...this.registry.services, ...this.front.services].map((service) => service.run(stop.signal));
    this.#stop = async () => {
      stop.abort();
      await Promise.allSettled(runs);
    };
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
    const { token } = await this.front.api.createToken(
      { name, labels, uses, ttlMs, manualApproval },
      "test",
      neverAborts,
    );
    return token;
  }

  clientOf<C extends Client>(
    Constructor: new (address: string, channel: ChannelCredentials) => C,
    identity?: { keyPem: string; certificatePem: string },
  ): C {
    const ca = Buffer.from(this.fleet.keys.ca.certificatePem);
    const channel =
      identity === undefined
        ? credentials.createSsl(ca)
        : credentials.createSsl(ca, Buffer.from(identity.keyPem), Buffer.from(identity.certificatePem));
    const client = new Constructor(this.front.grpcAddress, channel);
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
    return TestAgent.create(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** For tests: an agent's end of the wire, by hand. */
export class TestAgent {
  readonly keyPem: string;
  readonly csrPem: string;
  readonly #front: TestFront;
  certificatePem = "";
  clusterId = "";

  private constructor(front: TestFront, keyPem: string, csrPem: string) {
    this.#front = front;
    this.keyPem = keyPem;
    this.csrPem = csrPem;
  }

  static async create(front: TestFront): Promise<TestAgent> {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const keys = {
      privateKey: await importKey("pkcs8", privateKey.export({ format: "der", type: "pkcs8" }), ["sign"]),
      publicKey: await importKey("spki", publicKey.export({ format: "der", type: "spki" }), ["verify"]),
    };
    const csr = await Pkcs10CertificateRequestGenerator.create({
      name: "CN=agent",
      keys,
      signingAlgorithm: ECDSA_P256,
    });
    const keyPem = privateKey.export({ format: "pem", type: "pkcs8" }) as string;
    return new TestAgent(front, keyPem, csr.toString("pem"));
  }

  requestOf(token: string, name = "", kubeSystemUid = "") {
    const facts = { kubernetesVersion: "v1.37.0", provider: "test", nodes: 1, apiVersions: ["/v1/ConfigMap"] };
    const sealPublicKey = Buffer.alloc(32, 1);
    return { token, name, csrPem: this.csrPem, sealPublicKey, kubeSystemUid, agentVersion: "0.1.0", facts };
  }

  /** Rejects with the ServiceError. */
  register(token: string, name = "", kubeSystemUid = ""): Promise<RegisterResponse> {
    const client = this.#front.clientOf(RegistrationServiceClient);
    return new Promise((resolve, reject) => {
      client.register(this.requestOf(token, name, kubeSystemUid), (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  /** Registers and keeps what it got. */
  async join(token: string, name = ""): Promise<Registered> {
    const { outcome } = await this.register(token, name);
    if (outcome?.$case !== "registered") throw new Error("not registered");
    this.certificatePem = outcome.value.certificatePem;
    this.clusterId = outcome.value.clusterId;
    return outcome.value;
  }

  /** By proving its key; rejects with the ServiceError. */
  async renew(keyPem = this.keyPem): Promise<void> {
    const asked = { clusterId: this.clusterId, csrPem: this.csrPem, signedAtMs: 1 };
    const signature = sign("sha256", Buffer.from(renewText(asked)), keyPem);
    const request = { ...asked, signedAtMs: 1n, certificatePem: this.certificatePem, signature };
    const client = this.#front.clientOf(RegistrationServiceClient);
    const { registered } = await new Promise<RenewResponse>((resolve, reject) => {
      client.renew(request, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
    this.certificatePem = registered?.certificatePem ?? "";
  }

  connect(): TestStream {
    const identity =
      this.certificatePem === "" ? undefined : { keyPem: this.keyPem, certificatePem: this.certificatePem };
    return new TestStream(this.#front.clientOf(SessionServiceClient, identity).connect());
  }

  /** Connected and welcomed. */
  async connectWelcomed(incarnation = 1): Promise<TestStream> {
    const stream = this.connect();
    stream.hello(incarnation);
    await stream.next("welcome");
    return stream;
  }
}

type ResponseCase = NonNullable<ConnectResponse["message"]>["$case"];
type ResponseValue<Case extends ResponseCase> = Extract<ConnectResponse["message"], { $case: Case }>["value"];

/** For tests: one session stream; what arrives is kept until asked for. */
export class TestStream {
  readonly call: ClientDuplexStream<ConnectRequest, ConnectResponse>;
  readonly ended: Promise<ServiceError | undefined>;
  readonly #arrived: NonNullable<ConnectResponse["message"]>[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(call: ClientDuplexStream<ConnectRequest, ConnectResponse>) {
    this.call = call;
    call.on("data", ({ message }: ConnectResponse) => {
      if (message !== undefined) this.#arrived.push(message);
      for (const wake of this.#waiting) wake();
    });
    this.ended = new Promise((resolve) => {
      call.on("error", (error: ServiceError) => resolve(error));
      call.on("end", () => resolve(undefined));
    });
  }

  /** The next message of that kind; those before it are dropped. Rejects when the stream ends first. */
  async next<Case extends ResponseCase>(wanted: Case): Promise<ResponseValue<Case>> {
    while (true) {
      const message = this.#arrived.shift();
      if (message?.$case === wanted) return message.value as ResponseValue<Case>;
      if (message !== undefined) continue;
      let wake = () => undefined as void;
      const more = new Promise<"more">((resolve) => {
        wake = () => resolve("more");
        this.#waiting.add(wake);
      });
      const what = await Promise.race([more, this.ended]);
      this.#waiting.delete(wake);
      if (what !== "more") throw what ?? new Error(`the stream ended before ${wanted}`);
    }
  }

  hello(incarnation = 1): void {
    const facts = { kubernetesVersion: "v1.37.1", provider: "test", nodes: 2, apiVersions: [] };
    const value = {
      protocol: 1,
      agentVersion: "0.1.0",
      incarnation: BigInt(incarnation),
      accepted: undefined,
      sliceFormats: [1],
      facts,
    };
    this.call.write({ message: { $case: "hello", value } });
  }

  report(
    number: number,
    more: {
      full?: boolean;
      apps?: { app: string; revision: number; message?: string }[];
      applied?: boolean;
      slice?: SliceNumber;
    } = {},
  ): void {
    const { full = number === 1, apps = [], applied = false, slice } = more;
    const value = {
      number: BigInt(number),
      full,
      slice: slice && { epoch: BigInt(slice.epoch), n: BigInt(slice.n) },
      applied,
      apps: apps.map(({ app, revision, message = "" }) => ({
        app,
        revision: BigInt(revision),
        commit: "0123456789abcdef",
        sync: 3 as const,
        message,
        health: 1 as const,
        healthMessage: "",
        objects: 1,
        pendingDeletion: undefined,
        drifts: [],
        pruning: [],
      })),
      removed: [],
      timings: [],
      refusal: "",
    };
    this.call.write({ message: { $case: "report", value } });
  }
}

function importKey(format: "pkcs8" | "spki", der: Buffer, usages: ("sign" | "verify")[]) {
  return webcrypto.subtle.importKey(format, new Uint8Array(der), ECDSA_P256, true, usages);
}
