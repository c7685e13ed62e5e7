import { generateKeyPairSync, sign, webcrypto } from "node:crypto";
import type { ChannelCredentials, Client, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { renewText } from "@axle/core/session/messages.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { RegistrationServiceClient } from "@axle/proto/axle/v1/registration.ts";
import type { Registered, RegisterResponse, RenewResponse } from "@axle/proto/axle/v1/registration.ts";
import { SessionServiceClient } from "@axle/proto/axle/v1/session.ts";
import type { ConnectRequest, ConnectResponse } from "@axle/proto/axle/v1/session.ts";
import { ECDSA_P256, Pkcs10CertificateRequestGenerator } from "../../identity/x509.ts";

/** Makes a client that trusts the hub under test, with a certificate or without. */
export type ClientOf = <C extends Client>(
  Constructor: new (address: string, secured: ChannelCredentials) => C,
  identity?: { readonly keyPem: string; readonly certificatePem: string },
) => C;

/** For tests: an agent's end of the wire, by hand. */
export class TestAgent {
  readonly keyPem: string;
  readonly csrPem: string;
  readonly #clientOf: ClientOf;
  certificatePem = "";
  clusterId = "";

  private constructor(clientOf: ClientOf, keyPem: string, csrPem: string) {
    this.#clientOf = clientOf;
    this.keyPem = keyPem;
    this.csrPem = csrPem;
  }

  static async create(clientOf: ClientOf): Promise<TestAgent> {
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
    return new TestAgent(clientOf, keyPem, csr.toString("pem"));
  }

  requestOf(token: string, name = "", kubeSystemUid = "") {
    const facts = { kubernetesVersion: "v1.37.0", provider: "test", nodes: 1, apiVersions: ["/v1/ConfigMap"] };
    const sealPublicKey = Buffer.alloc(32, 1);
    return { token, name, csrPem: this.csrPem, sealPublicKey, kubeSystemUid, agentVersion: "0.1.0", facts };
  }

  /** Rejects with the ServiceError. */
  register(token: string, name = "", kubeSystemUid = ""): Promise<RegisterResponse> {
    const client = this.#clientOf(RegistrationServiceClient);
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
    const client = this.#clientOf(RegistrationServiceClient);
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
    return new TestStream(this.#clientOf(SessionServiceClient, identity).connect());
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

  hello(incarnation = 1, instance = "", unsure = false): void {
    const facts = { kubernetesVersion: "v1.37.1", provider: "test", nodes: 2, apiVersions: [] };
    const value = {
      protocol: 1,
      agentVersion: "0.1.0",
      incarnation: BigInt(incarnation),
      accepted: undefined,
      sliceFormats: [1],
      facts,
      instance,
      unsure,
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
      left?: { order: string; what: string };
    } = {},
  ): void {
    const { full = number === 1, apps = [], applied = false, slice, left } = more;
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
        plan: undefined,
        drifts: [],
        pruning: [],
      })),
      removed: [],
      timings: [],
      refusal: "",
      left,
    };
    this.call.write({ message: { $case: "report", value } });
  }
}

function importKey(format: "pkcs8" | "spki", der: Buffer, usages: ("sign" | "verify")[]) {
  return webcrypto.subtle.importKey(format, new Uint8Array(der), ECDSA_P256, true, usages);
}
