import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { silentLogger } from "@axle/runtime/logger.ts";
import type { HubConnection } from "./hub-connection.ts";
import { acquire, leadUntilStopped } from "./lead.ts";
import type { LeadOptions } from "./lead.ts";
import { leaseMessage } from "./lease-record.ts";
import { publishMessage } from "./publish.ts";
import { neverAborts as signal, TestFleet } from "./test-fleet.ts";

let fleet: TestFleet;
let connection: HubConnection;
beforeAll(async () => {
  fleet = await TestFleet.start();
  connection = await fleet.connect();
});
afterAll(() => fleet[Symbol.asyncDispose]());
beforeEach(async () => {
  await connection.jsm.streams.purge("AXLE");
});

function candidate(instance: string, ttlMs = 400): LeadOptions {
  return { connection, log: silentLogger, holder: instance, instance, ttlMs, renewMs: 50 };
}

test("the first candidate leads at once", async () => {
  const startedMs = performance.now();
  await acquire(candidate("a", 60_000), signal);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

test("the same instance takes over at once, without waiting for its own lease", async () => {
  const first = await acquire(candidate("a", 60_000), signal);
  const startedMs = performance.now();
  const second = await acquire(candidate("a", 60_000), signal);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  await expect(first.renew(signal)).rejects.toMatchObject({ code: "lease-lost" });
  await second.renew(signal);
});

test("another instance waits until the lease was not renewed for its time", async () => {
  await acquire(candidate("a"), signal);
  const startedMs = performance.now();
  await acquire(candidate("b", 400), signal);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(400);
});

test("S7: while one leads and renews, nobody else gets the lease", async () => {
  const first = await acquire(candidate("a"), signal);
  const stop = new AbortController();
  const second = acquire(candidate("b", 300), stop.signal);
  for (let n = 0; n < 100; n += 1) await first.renew(signal);
  stop.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  await first.renew(signal);
});

test("S7: of many candidates at once one leads", async () => {
  const stop = new AbortController();
  const running = ["a", "b", "c", "d"].map((instance) => acquire(candidate(instance, 60_000), stop.signal));
  const first = await Promise.any(running);
  await first.renew(signal);
  stop.abort(new Error("enough"));
  const outcomes = await Promise.allSettled(running);
  expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
});

test("a leader that stops gives the lease up, and the next one need not wait", async () => {
  const stop = new AbortController();
  const leading = Promise.withResolvers<void>();
  const first = leadUntilStopped({ ...candidate("a", 60_000), signal: stop.signal }, async (_leadership, term) => {
    leading.resolve();
    await new Promise((_resolve, reject) => term.addEventListener("abort", () => reject(term.reason as Error)));
  });
  await leading.promise;
  stop.abort(new Error("stopping"));
  await first;
  const startedMs = performance.now();
  await acquire(candidate("b", 60_000), signal);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

test("S7: work is told when its lease is lost, and leads again later", async () => {
  const stop = new AbortController();
  const terms: AbortSignal[] = [];
  const ended = leadUntilStopped({ ...candidate("a"), signal: stop.signal }, async (_leadership, term) => {
    terms.push(term);
    await new Promise((_resolve, reject) => term.addEventListener("abort", () => reject(term.reason as Error)));
  });
  await eventually(() => terms.length === 1);
  const other = { holder: "b", instance: "b", term: "b", isReleased: false };
  await publishMessage(connection, leaseMessage(other), { signal });
  await eventually(() => terms[0]?.aborted === true);
  expect(terms[0]?.reason).toMatchObject({ code: "lease-lost" });
  await publishMessage(connection, leaseMessage({ ...other, isReleased: true }), { signal });
  await eventually(() => terms.length === 2);
  stop.abort(new Error("stopping"));
  await ended;
});

test("work that fails ends the leading with its error", async () => {
  const leading = leadUntilStopped({ ...candidate("a"), signal }, () => Promise.reject(new Error("broken")));
  await expect(leading).rejects.toThrow("broken");
});

test("a leader keeps leading through a server that is killed", async () => {
  const leadership = await acquire(candidate("a"), signal);
  process.kill(fleet.server.pid ?? 0, "SIGKILL");
  await eventually(() => leadership.renew(signal), { timeoutMs: 20_000 });
  expect(leadership.lost.aborted).toBe(false);
});
