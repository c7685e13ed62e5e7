import {
  fromConnectResponse,
  fromRegisterResponse,
  toConnectRequest,
  toRegisterRequest,
  toRenewRequest,
} from "@axle/agent/adapters/grpc/wire.ts";
import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type {
  AgentMessage,
  HubMessage,
  NatsAccess,
  RegisterOutcome,
  RegisterRequest,
  RenewRequest,
} from "@axle/core/session/messages.ts";
import type { KeySet } from "@axle/core/session/key-set.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import {
  AGENT_STEPS,
  type AgentStep,
  type AppReport,
  type ClusterReport,
  type Drift,
  HEALTH_ORDER,
  type PendingDeletion,
  type StepTimes,
  type Sync,
} from "@axle/core/status/report.ts";
import {
  fromConnectRequest,
  fromRegisterRequest,
  fromRenewRequest,
  toConnectResponse,
  toRegisterResponse,
} from "@axle/hub/adapters/grpc/wire.ts";
import {
  RegisterRequest as WireRegisterRequest,
  RegisterResponse as WireRegisterResponse,
  RenewRequest as WireRenewRequest,
} from "@axle/proto/axle/v1/registration.ts";
import { ConnectRequest, ConnectResponse } from "@axle/proto/axle/v1/session.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const text = fc.string({ unit: "binary", maxLength: 20 });
const texts = fc.array(text, { maxLength: 3 });
const count = fc.nat();
const time = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
const base64 = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const number: fc.Arbitrary<SliceNumber> = fc.record({ epoch: time, n: count });
const maybeNumber = fc.option(number, { nil: undefined });
const facts: fc.Arbitrary<ClusterFacts> = fc.record({
  kubernetesVersion: text,
  provider: text,
  nodes: count,
  apiVersions: texts,
});
const nats: fc.Arbitrary<NatsAccess> = fc.record({ servers: texts, caPem: text, creds: text, expiresAtMs: time });
const maybeNats = fc.option(nats, { nil: undefined });
const keySet: fc.Arbitrary<KeySet> = fc.record({
  version: count,
  keys: fc.array(fc.record({ id: text, publicKey: base64 }), { maxLength: 2 }),
  rootPublicKey: base64,
  signature: base64,
});
const drift: fc.Arbitrary<Drift> = fc.record(
  {
    object: text,
    manager: text,
    operation: text,
    atMs: time,
    paths: texts,
    action: fc.constantFrom("corrected", "reported", "fighting"),
    correctedAtMs: time,
    changes: fc.array(fc.record({ path: text, before: text, after: text }), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["object", "manager", "operation", "atMs", "paths", "action", "correctedAtMs"] },
);
const pendingDeletion: fc.Arbitrary<PendingDeletion> = fc.record({ hash: text, reason: text, objects: texts });
const appReport: fc.Arbitrary<AppReport> = fc.record(
  {
    app: text,
    revision: count,
    commit: text,
    sync: fc.constantFrom<Sync[]>("Pending", "Applying", "Applied", "Failed", "Blocked"),
    message: text,
    health: fc.constantFrom(undefined, ...HEALTH_ORDER),
    healthMessage: text,
    objects: count,
    pendingDeletion,
    plan: fc.record({ create: texts, adopt: texts, change: texts, unmanaged: texts }),
    drifts: fc.array(drift, { maxLength: 2 }),
    pruning: texts,
  },
  {
    requiredKeys: [
      "app",
      "revision",
      "commit",
      "sync",
      "message",
      "health",
      "healthMessage",
      "objects",
      "drifts",
      "pruning",
    ],
  },
);
const timings: fc.Arbitrary<StepTimes<AgentStep>> = fc.record({
  number,
  steps: fc.dictionary(fc.constantFrom(...AGENT_STEPS), time),
});
const report: fc.Arbitrary<ClusterReport> = fc.record(
  {
    number: count,
    full: fc.boolean(),
    slice: maybeNumber,
    applied: fc.boolean(),
    apps: fc.array(appReport, { maxLength: 3 }),
    removed: texts,
    timings: fc.array(timings, { maxLength: 2 }),
    refusal: text,
    left: fc.record({ order: text, what: text }),
  },
  { requiredKeys: ["number", "full", "slice", "applied", "apps", "removed", "timings", "refusal"] },
);

const agentMessage: fc.Arbitrary<AgentMessage> = fc.oneof(
  fc.record(
    {
      type: fc.constant("hello" as const),
      protocol: count,
      agentVersion: text,
      incarnation: time,
      instance: fc.string({ minLength: 1, maxLength: 64 }),
      unsure: fc.constant(true),
      accepted: maybeNumber,
      sliceFormats: fc.array(count, { maxLength: 2 }),
      facts,
    },
    { requiredKeys: ["type", "protocol", "agentVersion", "incarnation", "accepted", "sliceFormats", "facts"] },
  ),
  fc.record({ type: fc.constant("report" as const), report }),
  fc.record(
    { type: fc.constant("heartbeat" as const), sentAtMs: time, hubAtMs: time, facts },
    { requiredKeys: ["type", "sentAtMs", "hubAtMs"] },
  ),
  fc.record({ type: fc.constant("renewal" as const), csrPem: text }),
);

const hubMessage: fc.Arbitrary<HubMessage> = fc.oneof(
  fc.record({
    type: fc.constant("welcome" as const),
    protocol: count,
    hubVersion: text,
    clusterName: text,
    nats: maybeNats,
    keySet,
    expected: maybeNumber,
  }),
  fc.record({ type: fc.constant("expected" as const), number: maybeNumber }),
  fc.record({ type: fc.constant("report-ack" as const), number: count }),
  fc.record({ type: fc.constant("heartbeat-reply" as const), sentAtMs: time, hubAtMs: time }),
  fc.record({ type: fc.constant("renewal" as const), certificatePem: text, nats: maybeNats, keySet }),
  fc.record({ type: fc.constant("sync-now" as const), apps: texts }),
);

const registered = fc.record({
  clusterId: text,
  name: text,
  certificatePem: text,
  caPem: text,
  sessionAddress: text,
  nats,
  keySet,
});
const outcome: fc.Arbitrary<RegisterOutcome> = fc.oneof(
  fc.record({ type: fc.constant("pending" as const), reason: text, retryAfterMs: fc.nat(3_600).map((s) => s * 1_000) }),
  registered.map((given) => ({ type: "registered" as const, ...given })),
);
const registerRequest: fc.Arbitrary<RegisterRequest> = fc.record({
  token: text,
  name: text,
  csrPem: text,
  sealPublicKey: base64,
  kubeSystemUid: text,
  agentVersion: text,
  facts,
});
const renewRequest: fc.Arbitrary<RenewRequest> = fc.record({
  clusterId: text,
  certificatePem: text,
  csrPem: text,
  signedAtMs: time,
  signature: base64,
});

describe("what one end writes, the other reads, over the bytes of the wire", () => {
  it("an agent's words arrive at the hub as they were said", () => {
    fc.assert(
      fc.property(agentMessage, (said) => {
        const bytes = ConnectRequest.encode(toConnectRequest(said)).finish();
        expect(fromConnectRequest(ConnectRequest.decode(bytes))).toEqual(said);
      }),
    );
  });

  it("a hub's words arrive at the agent as they were said", () => {
    fc.assert(
      fc.property(hubMessage, (said) => {
        const bytes = ConnectResponse.encode(toConnectResponse(said)).finish();
        expect(fromConnectResponse(ConnectResponse.decode(bytes))).toEqual(said);
      }),
    );
  });

  it("a word the agent does not know is passed over", () => {
    expect(fromConnectResponse(ConnectResponse.decode(new Uint8Array([0xfa, 0x01, 0x00])))).toBeUndefined();
  });

  it("registration and renewal arrive as they were asked, and answered", () => {
    fc.assert(
      fc.property(registerRequest, renewRequest, outcome, (register, renew, answer) => {
        const asked = WireRegisterRequest.encode(toRegisterRequest(register)).finish();
        expect(fromRegisterRequest(WireRegisterRequest.decode(asked))).toEqual(register);
        const renewed = WireRenewRequest.encode(toRenewRequest(renew)).finish();
        expect(fromRenewRequest(WireRenewRequest.decode(renewed))).toEqual(renew);
        const answered = WireRegisterResponse.encode(toRegisterResponse(answer)).finish();
        expect(fromRegisterResponse(WireRegisterResponse.decode(answered))).toEqual(answer);
      }),
    );
  });
});
