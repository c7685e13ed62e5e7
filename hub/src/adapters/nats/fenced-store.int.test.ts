import { randomBytes } from "node:crypto";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import type { AppRecord, PackHandle } from "@axle/core/placement/app-record.ts";
import type { SliceEnvelope } from "@axle/core/slice/slice.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { AuditEntry, FleetRecord, StoreEntry } from "../../ports.ts";
import type { HubConnection } from "./hub-connection.ts";
import { FencedStore } from "./fenced-store.ts";
import { publishBatch } from "./publish.ts";
import { listSubjects, readNewest } from "./read-messages.ts";
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

const place = { file: "app.yaml", line: 1, column: 1 };
const audit: AuditEntry = { atMs: 1, actor: "hub", action: "publish", subject: "web" };
const fleetRecord: FleetRecord = { name: "acme", head: "h", accepted: "a", problems: [], commits: [], epoch: 1 };

function packOf(data: Uint8Array): PackHandle {
  return { digest: sha256Hex(data), keyId: "00", size: data.length, chunks: 1, objects: 1 };
}

function appRecord(app: string, pack: PackHandle): AppRecord {
  return {
    app,
    revision: 1,
    commit: "c",
    settings: { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks: [] },
    declaredAt: place,
    packs: [pack],
    targets: { c1: { pack: 0, substitutions: {} } },
    deletionHolds: {},
    history: [],
  };
}

function envelope(cluster: string, n: number): SliceEnvelope {
  return { format: 1, cluster, number: { epoch: 1, n }, keyId: "k", sealed: `body ${n}`, signature: "s" };
}

function slice(cluster: string, n: number): StoreEntry {
  return { type: "slice", envelope: envelope(cluster, n), content: `content-${n}` };
}

async function openStore(instance?: string, packGraceMs?: number) {
  const leadership = await fleet.lead(connection, instance);
  return new FencedStore({ connection, leadership, ...(packGraceMs === undefined ? {} : { packGraceMs }) });
}

test("what was written is loaded by the next leader", async () => {
  const store = await openStore();
  const pack = packOf(Buffer.from("x"));
  await store.write(
    [
      { type: "fleet", record: fleetRecord },
      { type: "app", record: appRecord("web", pack) },
      slice("c1", 7),
      { type: "approvals", cluster: "c1", approvals: [{ id: "a1", app: "web", hash: "h", expiresAtMs: 5 }] },
      { type: "audit", entry: audit },
    ],
    signal,
  );
  const state = await (await openStore()).load(signal);
  expect(state.fleet).toEqual(fleetRecord);
  expect(state.apps.get("web")).toEqual(appRecord("web", pack));
  expect([...state.slices]).toEqual([["c1", { number: { epoch: 1, n: 7 }, content: "content-7" }]]);
  expect(state.approvals.get("c1")).toEqual([{ id: "a1", app: "web", hash: "h", expiresAtMs: 5 }]);
});

test("the digest a source was first seen with is loaded by the next leader, under the name it has in files", async () => {
  const key = "chart oci://registry.example.com/charts podinfo 6.1.0";
  const store = await openStore();
  await store.write([{ type: "source", key, digest: "sha256:aa", usedAtMs: 1 }], signal);
  await store.write([{ type: "source", key, digest: "sha256:bb", usedAtMs: 2 }], signal);
  const next = await openStore();
  const state = await next.load(signal);
  expect([...state.sources]).toEqual([[key, "sha256:bb"]]);
  expect([...(state.sourceUses ?? [])]).toEqual([[key, 2]]);
  await next.write([{ type: "source-gone", key }], signal);
  expect((await (await openStore()).load(signal)).sources.size).toBe(0);
});

test("an empty fleet loads as nothing", async () => {
  const state = await (await openStore()).load(signal);
  expect([state.fleet, state.apps.size, state.slices.size, state.approvals.size]).toEqual([undefined, 0, 0, 0]);
});

test("L4: writing nothing publishes nothing", async () => {
  const store = await openStore();
  const before = (await connection.jsm.streams.info("AXLE")).state.last_seq;
  await store.write([], signal);
  expect((await connection.jsm.streams.info("AXLE")).state.last_seq).toBe(before);
});

test("S7: a leader that was replaced has every write refused, and its slice neither stands nor rings", async () => {
  const stale = await openStore("old");
  await stale.write([slice("c1", 1)], signal);
  const rings: number[] = [];
  const agent = await fleet.connectAgent("c1");
  agent.subscribe("axle.bell.c1", { callback: () => void rings.push(1) });
  await agent.flush();

  const current = await openStore("new");
  await expect(stale.write([slice("c1", 2)], signal)).rejects.toMatchObject({ code: "lease-lost" });
  await expect(stale.write([{ type: "audit", entry: audit }, slice("c1", 3)], signal)).rejects.toMatchObject({
    code: "lease-lost",
  });
  await current.write([slice("c1", 4)], signal);
  await eventually(() => rings.length > 0);
  await agent.flush();
  expect(rings).toHaveLength(1);
  expect((await current.load(signal)).slices.get("c1")?.number.n).toBe(4);
});

test("S7: a batch that arrives after its leader was replaced is refused by the server, whatever the leader believes", async () => {
  const leadership = await fleet.lead(connection, "old");
  const expect0 = { subject: "axle.lease", sequence: leadership.sequence };
  await fleet.lead(connection, "new");
  const messages = [1, 2, 3].map((n) => ({ subject: `axle.slice.late${n}`, payload: "late" }));
  await expect(publishBatch(connection, messages, { expect: expect0, signal })).rejects.toMatchObject({
    code: "conflict",
  });
  expect(await readNewest(connection, { stream: "AXLE", subject: "axle.slice.late1" }, signal)).toBeUndefined();
});

test("renewals and writes at once do not get in each other's way", async () => {
  const leadership = await fleet.lead(connection);
  const store = new FencedStore({ connection, leadership });
  const work = Array.from({ length: 40 }, (_, n) =>
    n % 2 === 0 ? leadership.renew(signal) : store.write([slice("c1", n), { type: "audit", entry: audit }], signal),
  );
  await Promise.all(work);
  expect((await store.load(signal)).slices.get("c1")?.number.n).toBe(39);
});

test("more entries than one batch takes are written in order", async () => {
  const store = await openStore();
  await store.write(
    Array.from({ length: 2_050 }, (_, n) => slice(`c${n}`, n)),
    signal,
  );
  const { slices } = await store.load(signal);
  expect(slices.size).toBe(2_050);
  expect(slices.get("c2049")?.number.n).toBe(2_049);
});

test("more bytes than go into one batch, or into one answer of the server, are written and loaded", async () => {
  const store = await openStore();
  const sealed = "x".repeat(4 * 1_024 * 1_024);
  const entries = Array.from({ length: 20 }, (_, n): StoreEntry => {
    return { type: "slice", envelope: { ...envelope(`c${n}`, n), sealed }, content: "c" };
  });
  await store.write(entries, signal);
  const { slices } = await store.load(signal);
  expect([...slices.values()].map((record) => record.number.n).toSorted((a, b) => a - b)).toEqual(
    entries.map((_, n) => n),
  );
});

test("what is gone is gone, leaves no message behind, and may come back", async () => {
  const store = await openStore();
  await store.write([{ type: "app", record: appRecord("web", packOf(Buffer.from("x"))) }, slice("c1", 1)], signal);
  await store.write(
    [
      { type: "app-gone", app: "web" },
      { type: "slice-gone", cluster: "c1" },
    ],
    signal,
  );
  const state = await store.load(signal);
  expect([state.apps.size, state.slices.size]).toEqual([0, 0]);
  expect(await listSubjects(connection, { stream: "AXLE", filter: "axle.app.*" }, signal)).toEqual([]);
  await store.write([slice("c1", 9)], signal);
  expect((await store.load(signal)).slices.get("c1")?.number.n).toBe(9);
});

test("renders are found by memo key, their objects by pack", async () => {
  const store = await openStore();
  const pack = packOf(Buffer.from("x"));
  const record = { pack, objects: [{ id: "/ConfigMap/web/a", file: "a.yaml" }], warnings: [] };
  await store.write([{ type: "render", key: "any text: of any length", record }], signal);
  expect(await store.findRender("any text: of any length", signal)).toEqual(record);
  expect(await store.findRender("another", signal)).toBeUndefined();
  const objects = await store.findObjects([pack.digest, "f".repeat(64)], signal);
  expect([...objects]).toEqual([[pack.digest, record.objects]]);
  expect((await store.findObjects([], signal)).size).toBe(0);
});

test("a name that cannot be a subject is refused and nothing is written", async () => {
  const store = await openStore();
  await expect(store.write([{ type: "app-gone", app: "a.b" }], signal)).rejects.toMatchObject({ code: "bad-name" });
  await expect(store.write([slice("*", 1)], signal)).rejects.toMatchObject({ code: "bad-name" });
});

test("a record that is not what belongs there is said to be corrupt, with its place", async () => {
  const store = await openStore();
  await connection.js.publish("axle.app.web", "{}");
  await expect(store.load(signal)).rejects.toMatchObject({ code: "corrupt", message: /axle\.app\.web at sequence/ });
});

test("a message above the server's limit is refused as too large", async () => {
  const store = await openStore();
  const huge = { ...envelope("c1", 1), sealed: "x".repeat(9 * 1_024 * 1_024) };
  await expect(store.write([{ type: "slice", envelope: huge, content: "c" }], signal)).rejects.toMatchObject({
    code: "too-large",
  });
  await store.write([slice("c1", 2)], signal);
});

test("S10: what was acknowledged is there after the server is killed, and the leader goes on leading", async () => {
  const leadership = await fleet.lead(connection);
  const store = new FencedStore({ connection, leadership });
  const data = randomBytes(700_000);
  await store.putPack(sha256Hex(data), data, signal);
  for (let n = 1; n <= 20; n += 1) await store.write([slice("c1", n), { type: "audit", entry: audit }], signal);
  process.kill(fleet.server.pid ?? 0, "SIGKILL");
  const state = await eventually(() => store.load(signal), { timeoutMs: 20_000 });
  expect(state.slices.get("c1")?.number.n).toBe(20);
  expect(Buffer.from(await store.readPack({ digest: sha256Hex(data), chunks: 2 }, signal)).equals(data)).toBe(true);
  await store.write([slice("c1", 21)], signal);
  expect((await store.load(signal)).slices.get("c1")?.number.n).toBe(21);
});

test("S7: a write whose outcome was not heard is settled before the next one", async () => {
  const leadership = await fleet.lead(connection);
  const store = new FencedStore({ connection, leadership });
  const stop = new AbortController();
  const cut = store.write([slice("c1", 1), slice("c2", 1)], stop.signal);
  stop.abort(new Error("cut"));
  await expect(cut).rejects.toThrow("cut");
  const before = leadership.sequence;
  await store.write([slice("c1", 2)], signal);
  expect(leadership.sequence).toBeGreaterThan(before);
  expect((await store.load(signal)).slices.get("c1")?.number.n).toBe(2);
});

test("S10: a server that is killed amid batches keeps each of them whole or not at all, and all it acknowledged", async () => {
  const store = await openStore();
  for (let round = 0; round < 3; round += 1) {
    let acknowledged = round * 1_000;
    const killing = eventually(() => acknowledged > round * 1_000).then(() =>
      process.kill(fleet.server.pid ?? 0, "SIGKILL"),
    );
    const writing = async () => {
      for (let n = acknowledged + 1; ; n += 1) {
        const entries = Array.from({ length: 300 }, (_, index) => slice(`c${index}`, n));
        await store.write(entries, signal);
        acknowledged = n;
      }
    };
    await expect(writing()).rejects.toMatchObject({ name: "StoreError" });
    await killing;
    const { slices } = await eventually(() => store.load(signal), { timeoutMs: 20_000 });
    const numbers = new Set([...slices.values()].map((record) => record.number.n));
    expect(numbers.size).toBe(1);
    expect([...numbers][0]).toBeGreaterThanOrEqual(acknowledged);
  }
});
