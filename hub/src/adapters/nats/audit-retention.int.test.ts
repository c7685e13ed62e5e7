import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { AuditTrail } from "./audit-trail.ts";
import { retainAudit } from "./audit-retention.ts";
import type { HubConnection } from "./hub-connection.ts";
import { ensureStreams } from "./streams.ts";
import { AUDIT_STREAM, STATE_STREAM } from "./subjects.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { neverAborts as signal, TestFleet } from "./test-fleet.ts";

let fleet: TestFleet;
let connection: HubConnection;
beforeAll(async () => {
  fleet = await TestFleet.start();
  connection = await fleet.connect();
});
afterAll(() => fleet[Symbol.asyncDispose]());
beforeEach(() => connection.jsm.streams.purge(STATE_STREAM));

const LOOSE = { maxAgeMs: 3_600_000, maxBytes: 1_024 ** 2 };

async function publish(...subjects: readonly string[]): Promise<void> {
  for (const subject of subjects) await connection.js.publish(subject, "{}");
}

async function subjects(): Promise<readonly string[]> {
  const { state } = await connection.jsm.streams.info(STATE_STREAM, { subjects_filter: ">" });
  return Object.keys(state.subjects ?? {}).toSorted();
}

async function timeOf(subject: string): Promise<number> {
  return (await connection.jsm.streams.getMessage(STATE_STREAM, { last_by_subj: subject }))?.time.getTime() ?? 0;
}

test("entries that are too old go, whatever stands between them, and nothing else does", async () => {
  await publish("axle.audit.1", "axle.fleet", "axle.audit.2");
  const before = await timeOf("axle.audit.2");
  await eventually(() => Date.now() > before + 1);
  await publish("axle.app.web", "axle.audit.3");
  expect(await retainAudit(connection, { limits: LOOSE, nowMs: Date.now() }, signal)).toEqual({ removed: 0 });
  const nowMs = (await timeOf("axle.audit.3")) + LOOSE.maxAgeMs;
  expect(await retainAudit(connection, { limits: LOOSE, nowMs }, signal)).toEqual({ removed: 2 });
  expect(await subjects()).toEqual(["axle.app.web", "axle.audit.3", "axle.fleet"]);
  const later = { limits: LOOSE, nowMs: nowMs + 60_000 };
  expect(await retainAudit(connection, later, signal)).toEqual({ removed: 1 });
  expect(await retainAudit(connection, later, signal)).toEqual({ removed: 0 });
});

test("of too many the oldest go", async () => {
  await publish("axle.audit.1", "axle.audit.2", "axle.fleet", "axle.audit.3", "axle.audit.4");
  const limits = { ...LOOSE, maxBytes: 2_048 };
  expect(await retainAudit(connection, { limits, nowMs: Date.now() }, signal)).toEqual({ removed: 2 });
  expect(await subjects()).toEqual(["axle.audit.3", "axle.audit.4", "axle.fleet"]);
});

test("the record beside it has the same limits, kept by its stream", async () => {
  const audit = { maxAgeMs: 400 * 24 * 3_600_000, maxBytes: 2_000 };
  await ensureStreams(connection, { replicas: 1, audit, log: silentLogger, signal });
  const trail = new AuditTrail(connection);
  const entry = { atMs: 1, actor: "ann", action: "a", subject: "s", detail: "x".repeat(500) };
  for (let n = 0; n < 10; n += 1) await trail.record(entry, signal);
  const { config, state } = await connection.jsm.streams.info(AUDIT_STREAM);
  expect(config.max_age).toBe(audit.maxAgeMs * 1_000_000);
  expect(state.messages).toBeLessThan(5);
  expect(state.last_seq).toBe(10);
});
