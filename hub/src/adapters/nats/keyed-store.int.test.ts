import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { HubConnection } from "./hub-connection.ts";
import { NatsKeyedStore } from "./keyed-store.ts";
import { neverAborts as signal, TestFleet } from "./test-fleet.ts";

let fleet: TestFleet;
let connection: HubConnection;
let store: NatsKeyedStore<{ n: number }>;
beforeAll(async () => {
  fleet = await TestFleet.start();
  connection = await fleet.connect();
  store = new NatsKeyedStore(connection, "axle_tokens", z.object({ n: z.number() }));
});
afterAll(() => fleet[Symbol.asyncDispose]());
beforeEach(async () => {
  await connection.jsm.streams.purge("KV_axle_tokens");
});

test("a value is created once, updated at its revision, and read", async () => {
  expect(await store.get("a", signal)).toBeUndefined();
  const revision = await store.create("a", { n: 1 }, signal);
  expect(await store.get("a", signal)).toEqual({ value: { n: 1 }, revision });
  await expect(store.create("a", { n: 2 }, signal)).rejects.toMatchObject({ code: "exists" });
  const next = await store.update("a", { value: { n: 3 }, revision }, signal);
  await expect(store.update("a", { value: { n: 4 }, revision }, signal)).rejects.toMatchObject({ code: "conflict" });
  expect(await store.get("a", signal)).toEqual({ value: { n: 3 }, revision: next });
});

test("of many that update at once, one wins", async () => {
  const revision = await store.create("a", { n: 0 }, signal);
  const tries = Array.from({ length: 20 }, (_, n) => store.update("a", { value: { n }, revision }, signal));
  const outcomes = await Promise.allSettled(tries);
  expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
});

test("of many that create at once, one wins", async () => {
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => store.create("a", { n }, signal)));
  expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
});

test("a deleted key reads as nothing, is not listed, and can be created again", async () => {
  await store.create("a", { n: 1 }, signal);
  await store.delete("a", signal);
  expect(await store.get("a", signal)).toBeUndefined();
  expect([...(await store.list(signal)).keys()]).toEqual([]);
  await store.create("a", { n: 2 }, signal);
  expect((await store.get("a", signal))?.value).toEqual({ n: 2 });
});

test("all entries are listed, however many", async () => {
  const keys = Array.from({ length: 1_500 }, (_, n) => `key-${n}`);
  await Promise.all(keys.map((key, n) => store.put(key, { n }, signal)));
  const listed = await store.list(signal);
  expect(listed.size).toBe(1_500);
  expect(listed.get("key-1499")?.value).toEqual({ n: 1_499 });
});

test("a watch gives what stands, then every change, through a server that is killed, and ends with its signal", async () => {
  await store.put("a", { n: 1 }, signal);
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { key, value } of store.watch(stop.signal)) seen.push(`${key}=${value?.n ?? "gone"}`);
  })();
  await eventually(() => seen.includes("a=1"));
  await store.put("b", { n: 2 }, signal);
  await store.delete("a", signal);
  await eventually(() => seen.includes("b=2") && seen.includes("a=gone"));
  process.kill(fleet.server.pid ?? 0, "SIGKILL");
  await eventually(() => store.put("c", { n: 3 }, signal), { timeoutMs: 20_000 });
  await eventually(() => seen.includes("c=3"), { timeoutMs: 20_000 });
  stop.abort();
  await watching;
});

test("a value that is not what it should be is said to be corrupt, with its key", async () => {
  await connection.js.publish("$KV.axle_tokens.bad", '{"n":"one"}');
  await expect(store.get("bad", signal)).rejects.toMatchObject({ code: "corrupt", message: /axle_tokens.*bad/ });
});

test("a key that cannot be one is refused", async () => {
  await expect(store.put("a.b", { n: 1 }, signal)).rejects.toMatchObject({ code: "bad-name" });
});
