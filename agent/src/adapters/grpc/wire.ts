/**
 * The one file of the agent that knows the wire types. Towards the hub everything is written; from the hub, what a newer
 * one says that this agent does not know is passed over.
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
import {
  AGENT_STEPS,
  type AppReport,
  type Drift,
  type Health,
  type ObservedPlan,
  type StepTimes,
  type Sync,
} from "@axle/core/status/report.ts";
import type * as registration from "@axle/proto/axle/v1/registration.ts";
import type * as session from "@axle/proto/axle/v1/session.ts";
import * as types from "@axle/proto/axle/v1/types.ts";

export { RegistrationServiceClient } from "@axle/proto/axle/v1/registration.ts";
export { SessionServiceClient } from "@axle/proto/axle/v1/session.ts";
export type { RegisterResponse, RenewResponse } from "@axle/proto/axle/v1/registration.ts";
export type { ConnectResponse } from "@axle/proto/axle/v1/session.ts";

const SYNC: Readonly<Record<Sync, types.Sync>> = {
  Pending: types.Sync.SYNC_PENDING,
  Applying: types.Sync.SYNC_APPLYING,
  Applied: types.Sync.SYNC_APPLIED,
  Failed: types.Sync.SYNC_FAILED,
  Blocked: types.Sync.SYNC_BLOCKED,
};

const HEALTH: Readonly<Record<Health, types.Health>> = {
  Healthy: types.Health.HEALTH_HEALTHY,
  Suspended: types.Health.HEALTH_SUSPENDED,
  Progressing: types.Health.HEALTH_PROGRESSING,
  Missing: types.Health.HEALTH_MISSING,
  Degraded: types.Health.HEALTH_DEGRADED,
  Unknown: types.Health.HEALTH_UNKNOWN,
};

/** An agent's word as it goes to the hub. */
export function toConnectRequest(message: AgentMessage): session.ConnectRequest {
  switch (message.type) {
    case "hello": {
      const { type: _, accepted, incarnation, sliceFormats, facts, instance = "", unsure = false, ...rest } = message;
      const value = {
        ...rest,
        incarnation: BigInt(incarnation),
        instance,
        unsure,
        accepted: toSliceNumber(accepted),
        sliceFormats: [...sliceFormats],
        facts: toFacts(facts),
      };
      return { message: { $case: "hello", value } };
    }
    case "report": {
      const { number, slice, apps, removed, timings, left, ...rest } = message.report;
      const value = {
        ...rest,
        number: BigInt(number),
        slice: toSliceNumber(slice),
        apps: apps.map(toAppReport),
        removed: [...removed],
        timings: timings.map(toStepTimes),
        left,
      };
      return { message: { $case: "report", value } };
    }
    case "heartbeat": {
      const facts = message.facts === undefined ? undefined : toFacts(message.facts);
      const value = { sentAtMs: toTime(message.sentAtMs), hubAtMs: toTime(message.hubAtMs), facts };
      return { message: { $case: "heartbeat", value } };
    }
    case "renewal":
      return { message: { $case: "renewal", value: { csrPem: message.csrPem } } };
  }
}

/** The hub's word; undefined for one this agent does not know. */
export function fromConnectResponse({ message }: session.ConnectResponse): HubMessage | undefined {
  switch (message?.$case) {
    case "welcome": {
      const { nats, keySet, expected, ...rest } = message.value;
      if (keySet === undefined) return undefined;
      return {
        type: "welcome",
        ...rest,
        nats: fromNatsAccess(nats),
        keySet: fromKeySet(keySet),
        expected: fromSliceNumber(expected),
      };
    }
    case "expected":
      return { type: "expected", number: fromSliceNumber(message.value.number) };
    case "reportAck":
      return { type: "report-ack", number: Number(message.value.number) };
    case "heartbeatReply": {
      const { sentAtMs, hubAtMs } = message.value;
      return { type: "heartbeat-reply", sentAtMs: Number(sentAtMs), hubAtMs: Number(hubAtMs) };
    }
    case "renewal": {
      const { certificatePem, nats, keySet } = message.value;
      if (keySet === undefined) return undefined;
      return { type: "renewal", certificatePem, nats: fromNatsAccess(nats), keySet: fromKeySet(keySet) };
    }
    case "syncNow":
      return { type: "sync-now", apps: message.value.apps };
    case undefined:
      return undefined;
  }
}

export function toRegisterRequest(request: RegisterRequest): registration.RegisterRequest {
  return { ...request, sealPublicKey: toBytes(request.sealPublicKey), facts: toFacts(request.facts) };
}

/** Undefined when the answer says nothing an agent could go on with. */
export function fromRegisterResponse({ outcome }: registration.RegisterResponse): RegisterOutcome | undefined {
  switch (outcome?.$case) {
    case "pending":
      return { type: "pending", reason: outcome.value.reason, retryAfterMs: outcome.value.retryAfterSeconds * 1_000 };
    case "registered": {
      const registered = fromRegistered(outcome.value);
      return registered === undefined ? undefined : { type: "registered", ...registered };
    }
    case undefined:
      return undefined;
  }
}

export function toRenewRequest(request: RenewRequest): registration.RenewRequest {
  return { ...request, signedAtMs: toTime(request.signedAtMs), signature: toBytes(request.signature) };
}

/** Undefined when a part is missing. */
export function fromRegistered(wire: registration.Registered | undefined): Registered | undefined {
  const nats = fromNatsAccess(wire?.nats);
  if (wire?.keySet === undefined || nats === undefined) return undefined;
  return { ...wire, nats, keySet: fromKeySet(wire.keySet) };
}

function toAppReport(report: AppReport): types.AppReport {
  const { pendingDeletion, plan, revision, sync, health, drifts, pruning, ...rest } = report;
  return {
    ...rest,
    revision: BigInt(revision),
    sync: SYNC[sync],
    health: health === undefined ? types.Health.HEALTH_UNSPECIFIED : HEALTH[health],
    pendingDeletion:
      pendingDeletion === undefined ? undefined : { ...pendingDeletion, objects: [...pendingDeletion.objects] },
    plan: plan && toObservedPlan(plan),
    drifts: drifts.map(toDrift),
    pruning: [...pruning],
  };
}

function toObservedPlan({ create, adopt, change, unmanaged }: ObservedPlan): types.ObservedPlan {
  return { create: [...create], adopt: [...adopt], change: [...change], unmanaged: [...unmanaged] };
}

function toDrift(drift: Drift): types.Drift {
  const { atMs, paths, correctedAtMs, changes = [] } = drift;
  return {
    ...drift,
    atMs: toTime(atMs),
    paths: [...paths],
    correctedAtMs: toTime(correctedAtMs),
    changes: changes.map((change) => ({ ...change })),
  };
}

function toStepTimes({ number, steps }: StepTimes<(typeof AGENT_STEPS)[number]>): types.StepTimes {
  return {
    number: toSliceNumber(number),
    steps: AGENT_STEPS.flatMap((name) => {
      const atMs = steps[name];
      return atMs === undefined ? [] : [{ name, atMs: toTime(atMs) }];
    }),
  };
}

function toFacts(facts: ClusterFacts): types.Facts {
  return { ...facts, apiVersions: [...facts.apiVersions] };
}

function toSliceNumber(number: SliceNumber | undefined): types.SliceNumber | undefined {
  return number === undefined ? undefined : { epoch: BigInt(number.epoch), n: BigInt(number.n) };
}

function fromSliceNumber(wire: types.SliceNumber | undefined): SliceNumber | undefined {
  return wire === undefined ? undefined : { epoch: Number(wire.epoch), n: Number(wire.n) };
}

function fromNatsAccess(wire: types.NatsAccess | undefined): NatsAccess | undefined {
  return wire === undefined ? undefined : { ...wire, expiresAtMs: Number(wire.expiresAtMs) };
}

function fromKeySet(wire: types.KeySet): KeySet {
  return {
    version: wire.version,
    keys: wire.keys.map(({ id, publicKey }) => ({ id, publicKey: toBase64(publicKey) })),
    rootPublicKey: toBase64(wire.rootPublicKey),
    signature: toBase64(wire.signature),
  };
}

function toTime(ms: number): bigint {
  return BigInt(Math.round(ms));
}

function toBytes(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
