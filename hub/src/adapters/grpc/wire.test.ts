import fc from "fast-check";
import { ConnectRequest, ConnectResponse } from "@axle/proto/axle/v1/session.ts";
import { AppReport as WireReport } from "@axle/proto/axle/v1/types.ts";
import type { HubMessage } from "@axle/core/session/messages.ts";
import { HEALTH_ORDER } from "@axle/core/status/report.ts";
import type { AppReport } from "@axle/core/status/report.ts";
import { describe, expect, test } from "vitest";
import { fromAppReport, fromConnectRequest, toAppReport, toConnectResponse } from "./wire.ts";

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const count = fc.integer({ min: 0, max: 2 ** 31 });
const timeMs = fc.integer({ min: 0, max: 2 ** 50 });
const base64 = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const sliceNumber = fc.record({ epoch: count, n: fc.maxSafeNat() });

const anyReport: fc.Arbitrary<AppReport> = fc
  .record({
    app: text,
    revision: fc.maxSafeNat(),
    commit: text,
    sync: fc.constantFrom("Pending", "Applying", "Applied", "Failed", "Blocked"),
    message: text,
    health: fc.constantFrom(undefined, ...HEALTH_ORDER),
    healthMessage: text,
    objects: count,
    drifts: fc.array(
      fc.record(
        {
          object: text,
          manager: text,
          operation: text,
          atMs: timeMs,
          paths: fc.array(text),
          action: fc.constantFrom("corrected", "reported", "fighting"),
          correctedAtMs: timeMs,
          changes: fc.array(fc.record({ path: text, before: text, after: text }), { minLength: 1 }),
        },
        { requiredKeys: ["object", "manager", "operation", "atMs", "paths", "action", "correctedAtMs"] },
      ),
    ),
    pruning: fc.array(text),
    pendingDeletion: fc.option(fc.record({ hash: text, reason: text, objects: fc.array(text) }), { nil: undefined }),
  })
  .map(({ pendingDeletion, ...rest }) => ({ ...rest, ...(pendingDeletion && { pendingDeletion }) }) as AppReport);

const keySet = fc.record({
  version: count,
  keys: fc.array(fc.record({ id: text, publicKey: base64 })),
  rootPublicKey: base64,
  signature: base64,
});
const nats = fc.record({ servers: fc.array(text), caPem: text, creds: text, expiresAtMs: timeMs });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const anyHubMessage: fc.Arbitrary<HubMessage> = fc.oneof(
  fc.record({
    type: fc.constant("welcome" as const),
    protocol: count,
    hubVersion: text,
    clusterName: text,
    nats: maybe(nats),
    keySet,
    expected: maybe(sliceNumber),
  }),
  fc.record({ type: fc.constant("expected" as const), number: maybe(sliceNumber) }),
  fc.record({ type: fc.constant("report-ack" as const), number: fc.maxSafeNat() }),
  fc.record({ type: fc.constant("heartbeat-reply" as const), sentAtMs: timeMs, hubAtMs: timeMs }),
  fc.record({ type: fc.constant("renewal" as const), certificatePem: text, nats: maybe(nats), keySet }),
  fc.record({ type: fc.constant("sync-now" as const), apps: fc.array(text) }),
);

describe("the wire", () => {
  test("carries reports of apps there and back", () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const bytes = WireReport.encode(toAppReport(report)).finish();
        expect(fromAppReport(WireReport.decode(bytes))).toEqual(report);
      }),
    );
  });

  test("carries everything the hub says", () => {
    fc.assert(
      fc.property(anyHubMessage, (message) => {
        const wire = toConnectResponse(message);
        expect(ConnectResponse.decode(ConnectResponse.encode(wire).finish())).toEqual(wire);
      }),
    );
  });

  test("refuses numbers out of range and states it does not know, and passes over words of a newer agent", () => {
    const heartbeat = { sentAtMs: -1n, hubAtMs: 0n, facts: undefined };
    expect(() => fromConnectRequest({ message: { $case: "heartbeat", value: heartbeat } })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
    const wire = WireReport.fromPartial({ app: "web", revision: 2n ** 60n, sync: 3 });
    expect(() => fromAppReport(wire)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => fromAppReport(WireReport.fromPartial({ app: "web", sync: 0 }))).toThrow("no sync state");
    expect(fromConnectRequest(ConnectRequest.fromPartial({}))).toBeUndefined();
  });
});
