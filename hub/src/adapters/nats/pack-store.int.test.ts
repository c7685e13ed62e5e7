import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { HubConnection } from "./hub-connection.ts";
import { FencedStore } from "./fenced-store.ts";
import { CHUNK_BYTES, PackStore } from "./pack-store.ts";
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
  await connection.jsm.streams.purge("PACKS");
});

const HOUR_MS = 3_600_000;

/** A store whose clock runs ahead; packs nobody refers to are kept for 24 hours. */
async function openStore(aheadMs = 0) {
  const now = () => Date.now() + aheadMs;
  return new FencedStore({ connection, leadership: await fleet.lead(connection), packGraceMs: 24 * HOUR_MS, now });
}

async function storedMessages(): Promise<number> {
  return (await connection.jsm.streams.info("PACKS")).state.messages;
}

async function putRender(store: FencedStore, key: string, data: Uint8Array): Promise<string> {
  const digest = sha256Hex(data);
  const { chunks } = await store.putPack(digest, data, signal);
  const pack = { digest, keyId: "00", size: data.length, chunks, objects: 1 };
  await store.write([{ type: "render", key, record: { pack, objects: [], warnings: [] } }], signal);
  return digest;
}

test.each([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])(
  "a pack of %i bytes is read as it was put",
  async (size) => {
    const store = await openStore();
    const data = randomBytes(size);
    const digest = sha256Hex(data);
    const { chunks } = await store.putPack(digest, data, signal);
    expect(chunks).toBe(Math.max(1, Math.ceil(size / CHUNK_BYTES)));
    expect(Buffer.from(await store.readPack({ digest, chunks }, signal)).equals(data)).toBe(true);
  },
);

test("L4: a pack that is there is not written again", async () => {
  const store = await openStore();
  const data = randomBytes(10);
  await store.putPack(sha256Hex(data), data, signal);
  const before = (await connection.jsm.streams.info("PACKS")).state.last_seq;
  await store.putPack(sha256Hex(data), data, signal);
  expect((await connection.jsm.streams.info("PACKS")).state.last_seq).toBe(before);
});

test("a pack of which the end is missing is written whole", async () => {
  const store = await openStore();
  const data = randomBytes(CHUNK_BYTES + 5);
  const digest = sha256Hex(data);
  await connection.js.publish(`axle.pack.${digest}.0`, data.subarray(0, CHUNK_BYTES));
  await store.putPack(digest, data, signal);
  expect(Buffer.from(await store.readPack({ digest, chunks: 2 }, signal)).equals(data)).toBe(true);
});

test("data under another digest is refused, and stored data that was altered is not handed out", async () => {
  const store = await openStore();
  await expect(store.putPack("0".repeat(64), randomBytes(4), signal)).rejects.toMatchObject({ code: "corrupt" });
  await connection.js.publish(`axle.pack.${"0".repeat(64)}.0`, "altered");
  const read = store.readPack({ digest: "0".repeat(64), chunks: 1 }, signal);
  await expect(read).rejects.toMatchObject({ code: "corrupt" });
});

test("packs nobody refers to are collected with their memo, live ones and young ones stay", async () => {
  const first = await openStore();
  const live = await putRender(first, "live", randomBytes(CHUNK_BYTES + 1));
  const dead = await putRender(first, "dead", randomBytes(CHUNK_BYTES + 1));
  expect(await (await openStore(23 * HOUR_MS)).collectPacks(new Set([live]), signal)).toBe(0);

  const later = await openStore(25 * HOUR_MS);
  expect(await later.collectPacks(new Set([live]), signal)).toBe(1);
  expect(await storedMessages()).toBe(2);
  expect(await later.findRender("dead", signal)).toBeUndefined();
  expect((await later.findRender("live", signal))?.pack.digest).toBe(live);
  expect((await later.findObjects([dead, live], signal)).has(dead)).toBe(false);
});

test("a pack that this process handed out is not collected before a record refers to it", async () => {
  const digest = await putRender(await openStore(), "again", randomBytes(10));
  const later = await openStore(25 * HOUR_MS);
  expect((await later.findRender("again", signal))?.pack.digest).toBe(digest);
  expect(await later.collectPacks(new Set(), signal)).toBe(0);
  expect(await (await openStore(25 * HOUR_MS)).collectPacks(new Set(), signal)).toBe(1);
});

test("a pack that is put again late in its grace period starts it over", async () => {
  const data = randomBytes(10);
  await putRender(await openStore(), "again", data);
  const before = (await connection.jsm.streams.info("PACKS")).state.last_seq;
  await (await openStore(11 * HOUR_MS)).putPack(sha256Hex(data), data, signal);
  expect((await connection.jsm.streams.info("PACKS")).state.last_seq).toBe(before);
  await (await openStore(13 * HOUR_MS)).putPack(sha256Hex(data), data, signal);
  expect((await connection.jsm.streams.info("PACKS")).state.last_seq).toBe(before + 1);
});

test("S7: a leader that lost its lease collects nothing", async () => {
  const stale = await openStore(25 * HOUR_MS);
  const current = await openStore();
  const digest = await putRender(current, "kept", randomBytes(10));
  await expect(stale.collectPacks(new Set(), signal)).rejects.toMatchObject({ code: "lease-lost" });
  expect(await current.readPack({ digest, chunks: 1 }, signal)).toHaveLength(10);
});

test("a pack written anew after it was listed for collection survives the purge", async () => {
  const packs = new PackStore(connection, { graceMs: 0, now: Date.now });
  const data = randomBytes(10);
  const digest = sha256Hex(data);
  await packs.put(digest, data, signal);
  const [listed] = await packs.list(() => true, signal);
  await packs.put(digest, data, signal);
  if (listed !== undefined) await packs.purge(listed, signal);
  expect(await packs.read({ digest, chunks: 1 }, signal)).toHaveLength(10);
});
