/**
 * With wire-fleet.ts the only file of the hub that knows the wire types. What agents say is checked here: numbers that are
 * no numbers, words that are none of ours. Towards agents everything is written.
 */
import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { KeySet } from "@axle/core/session/key-set.ts";
import type {
  AgentMessage,
  HubMessage,
  NatsAccess,
  Registered,
  RegisterOutcome,
  RegisterRequest,
  RenewRequest,
} from "@axle/core/session/messages.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { AGENT_STEPS } from "@axle/core/status/report.ts";
import type { AgentStep, AppReport, Drift, Health, StepTimes, Sync } from "@axle/core/status/report.ts";
import type * as registration from "@axle/proto/axle/v1/registration.ts";
import type * as session from "@axle/proto/axle/v1/session.ts";
import * as types from "@axle/proto/axle/v1/types.ts";
import { CallError } from "../../api/call-error.ts";

export { RegistrationServiceService } from "@axle/proto/axle/v1/registration.ts";
export type { RegistrationServiceServer } from "@axle/proto/axle/v1/registration.ts";
export { SessionServiceService } from "@axle/proto/axle/v1/session.ts";
export type { ConnectRequest, ConnectResponse, SessionServiceServer } from "@axle/proto/axle/v1/session.ts";

const SYNC_TO_WIRE = {
  Pending: types.Sync.SYNC_PENDING,
  Applying: types.Sync.SYNC_APPLYING,
  Applied: types.Sync.SYNC_APPLIED,
  Failed: types.Sync.SYNC_FAILED,
  Blocked: types.Sync.SYNC_BLOCKED,
} as const satisfies Record<Sync, types.Sync>;

const HEALTH_TO_WIRE = {
  Healthy: types.Health.HEALTH_HEALTHY,
  Suspended: types.Health.HEALTH_SUSPENDED,
  Progressing: types.Health.HEALTH_PROGRESSING,
  Missing: types.Health.HEALTH_MISSING,
  Degraded: types.Health.HEALTH_DEGRADED,
  Unknown: types.Health.HEALTH_UNKNOWN,
} as const satisfies Record<Health, types.Health>;

/** Of what an agent calls itself; a longer word is no worse than a cut one. */
const LONGEST_INSTANCE = 64;

const DRIFT_ACTIONS: readonly string[] = ["corrected", "reported", "fighting"] satisfies Drift["action"][];

/** An agent's word; undefined for one this hub does not know. Throws CallError `invalid-argument`. */
export function fromConnectRequest({ message }: session.ConnectRequest): AgentMessage | undefined {
  switch (message?.$case) {
    case "hello": {
      const { incarnation, accepted, facts, instance, unsure, ...rest } = message.value;
      return {
        type: "hello",
        ...rest,
        ...(unsure ? { unsure } : {}),
        ...(instance === "" ? {} : { instance: instance.slice(0, LONGEST_INSTANCE) }),
        incarnation: toNumber(incarnation),
        accepted: fromSliceNumber(accepted),
        facts: fromFacts(facts),
      };
    }
    case "report": {
      const { number, slice, apps, timings, left, ...rest } = message.value;
      const report = {
        ...rest,
        number: toNumber(number),
        slice: fromSliceNumber(slice),
        apps: apps.map(fromAppReport),
        timings: timings.flatMap(fromStepTimes),
        ...(left === undefined ? {} : { left }),
      };
      return { type: "report", report };
    }
    case "heartbeat": {
      const { sentAtMs, hubAtMs, facts } = message.value;
      const times = { sentAtMs: toNumber(sentAtMs), hubAtMs: toNumber(hubAtMs) };
      return { type: "heartbeat", ...times, ...(facts === undefined ? {} : { facts: fromFacts(facts) }) };
    }
    case "renewal":
      return { type: "renewal", csrPem: message.value.csrPem };
    case undefined:
      return undefined;
  }
}

export function toConnectResponse(message: HubMessage): session.ConnectResponse {
  switch (message.type) {
    case "welcome": {
      const { type: _, nats, keySet, expected, ...rest } = message;
      const value = {
        ...rest,
        nats: toNatsAccess(nats),
        keySet: toKeySet(keySet),
        expected: toSliceNumber(expected),
      };
      return { message: { $case: "welcome", value } };
    }
    case "expected":
      return { message: { $case: "expected", value: { number: toSliceNumber(message.number) } } };
    case "report-ack":
      return { message: { $case: "reportAck", value: { number: BigInt(message.number) } } };
    case "heartbeat-reply": {
      const value = { sentAtMs: toTime(message.sentAtMs), hubAtMs: toTime(message.hubAtMs) };
      return { message: { $case: "heartbeatReply", value } };
    }
    case "renewal": {
      const { certificatePem, nats, keySet } = message;
      const value = { certificatePem, nats: toNatsAccess(nats), keySet: toKeySet(keySet) };
      return { message: { $case: "renewal", value } };
    }
    case "sync-now":
      return { message: { $case: "syncNow", value: { apps: [...message.apps] } } };
  }
}

export function fromRegisterRequest(request: registration.RegisterRequest): RegisterRequest {
  return { ...request, sealPublicKey: toBase64(request.sealPublicKey), facts: fromFacts(request.facts) };
}

export function toRegisterResponse(outcome: RegisterOutcome): registration.RegisterResponse {
  if (outcome.type === "pending") {
    const value = { reason: outcome.reason, retryAfterSeconds: Math.ceil(outcome.retryAfterMs / 1_000) };
    return { outcome: { $case: "pending", value } };
  }
  return { outcome: { $case: "registered", value: toRegistered(outcome) } };
}

export function fromRenewRequest(request: registration.RenewRequest): RenewRequest {
  return { ...request, signedAtMs: toNumber(request.signedAtMs), signature: toBase64(request.signature) };
}

export function toRegistered(registered: Registered): registration.Registered {
  const { clusterId, name, certificatePem, caPem, sessionAddress, nats, keySet } = registered;
  return {
    clusterId,
    name,
    certificatePem,
    caPem,
    sessionAddress,
    nats: toNatsAccess(nats),
    keySet: toKeySet(keySet),
  };
}

export function toAppReport(report: AppReport): types.AppReport {
  const { revision, sync, health, pendingDeletion, plan, drifts, pruning, ...rest } = report;
  return {
    ...rest,
    revision: BigInt(revision),
    sync: toSync(sync),
    health: toHealth(health),
    pendingDeletion: pendingDeletion && { ...pendingDeletion, objects: [...pendingDeletion.objects] },
    plan: plan && {
      create: [...plan.create],
      adopt: [...plan.adopt],
      change: [...plan.change],
      unmanaged: [...plan.unmanaged],
    },
    drifts: drifts.map((drift) => ({
      ...drift,
      atMs: toTime(drift.atMs),
      paths: [...drift.paths],
      correctedAtMs: toTime(drift.correctedAtMs),
      changes: (drift.changes ?? []).map((change) => ({ ...change })),
    })),
    pruning: [...pruning],
  };
}

export function fromAppReport(wire: types.AppReport): AppReport {
  const { revision, sync, health, pendingDeletion, plan, drifts, ...rest } = wire;
  return {
    ...rest,
    revision: toNumber(revision),
    sync: fromSync(sync),
    health: fromHealth(health),
    ...(pendingDeletion === undefined ? {} : { pendingDeletion }),
    ...(plan === undefined ? {} : { plan }),
    drifts: drifts.map(({ changes, ...drift }) => ({
      ...drift,
      ...(changes.length === 0 ? {} : { changes }),
      atMs: toNumber(drift.atMs),
      action: DRIFT_ACTIONS.includes(drift.action) ? (drift.action as Drift["action"]) : "reported",
      correctedAtMs: toNumber(drift.correctedAtMs),
    })),
  };
}

export function toFacts(facts: ClusterFacts): types.Facts {
  return { ...facts, apiVersions: [...facts.apiVersions] };
}

export function toSliceNumber(number: SliceNumber | undefined): types.SliceNumber | undefined {
  return number && { epoch: BigInt(number.epoch), n: BigInt(number.n) };
}

export function toSync(sync: Sync): types.Sync {
  return SYNC_TO_WIRE[sync];
}

export function toHealth(health: Health | undefined): types.Health {
  return health === undefined ? types.Health.HEALTH_UNSPECIFIED : HEALTH_TO_WIRE[health];
}

export function toTime(ms: number): bigint {
  return BigInt(Math.round(ms));
}

/** Throws CallError `invalid-argument` for numbers no clock and no counter of ours reaches. */
export function toNumber(wire: bigint): number {
  const value = Number(wire);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new CallError("invalid-argument", `${wire} is out of range`);
}

function fromSync(wire: types.Sync): Sync {
  const found = Object.entries(SYNC_TO_WIRE).find(([, value]) => value === wire);
  if (found === undefined) throw new CallError("invalid-argument", `${wire} is no sync state`);
  return found[0] as Sync;
}

function fromHealth(wire: types.Health): Health | undefined {
  if (wire === types.Health.HEALTH_UNSPECIFIED) return undefined;
  const found = Object.entries(HEALTH_TO_WIRE).find(([, value]) => value === wire);
  // A word of a newer agent: it means something, we cannot say what.
  return found === undefined ? "Unknown" : (found[0] as Health);
}

function fromStepTimes(wire: types.StepTimes): readonly StepTimes<AgentStep>[] {
  const number = fromSliceNumber(wire.number);
  if (number === undefined) return [];
  const known: readonly string[] = AGENT_STEPS;
  const steps = wire.steps.filter(({ name }) => known.includes(name)).map(({ name, atMs }) => [name, toNumber(atMs)]);
  return [{ number, steps: Object.fromEntries(steps) as StepTimes<AgentStep>["steps"] }];
}

function fromFacts(wire: types.Facts | undefined): ClusterFacts {
  return wire ?? { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] };
}

function fromSliceNumber(wire: types.SliceNumber | undefined): SliceNumber | undefined {
  return wire && { epoch: toNumber(wire.epoch), n: toNumber(wire.n) };
}

function toNatsAccess(nats: NatsAccess | undefined): types.NatsAccess | undefined {
  return nats && { ...nats, servers: [...nats.servers], expiresAtMs: toTime(nats.expiresAtMs) };
}

function toKeySet(set: KeySet): types.KeySet {
  return {
    version: set.version,
    keys: set.keys.map(({ id, publicKey }) => ({ id, publicKey: toBytes(publicKey) })),
    rootPublicKey: toBytes(set.rootPublicKey),
    signature: toBytes(set.signature),
  };
}

function toBytes(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
