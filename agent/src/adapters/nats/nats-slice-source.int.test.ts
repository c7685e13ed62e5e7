import { createHash } from "node:crypto";
import { eventually } from "@axle/testkit/eventually.ts";
import { NatsServer } from "@axle/testkit/nats-server.ts";
import type { PackRef, SliceEnvelope } from "@axle/core/slice/slice.ts";
import { createLogger } from "@axle/runtime/logger.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Ring } from "../../ports.ts";
import { NatsSliceSource } from "./nats-slice-source.ts";
import { accessTo, SliceStreams } from "./slice-streams.test-support.ts";

const SLICE: SliceEnvelope = {
  format: 1,
  cluster: "c1",
  number: { epoch: 1, n: 1 },
  keyId: "k",
  sealed: "AAAA",
  signature: "AAAA",
};

function publishSlice(hub: SliceStreams, n: number): Promise<number> {
  return hub.publish("axle.slice.c1", JSON.stringify({ ...SLICE, number: { epoch: 1, n } }));
}

/** The source at work, its rings and its log; stopped with the test. */
function startSource(...urls: string[]) {
  const stop = new AbortController();
  const lines: string[] = [];
  const source = new NatsSliceSource({
    cluster: "c1",
    access: accessTo(...urls),
    log: createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" }),
    maxPackBytes: 10_000_000,
    lagMs: 300,
  });
  const rings: Ring[] = [];
  const listening = (async () => {
    for await (const ring of source.rings(stop.signal)) rings.push(ring);
  })();
  const running = source.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await Promise.all([running, listening]);
  });
  return { source, rings, lines, signal: stop.signal };
}

function refTo(data: Uint8Array, chunks: number): PackRef {
  return { digest: createHash("sha256").update(data).digest("hex"), key: "AAAA", size: data.length, chunks };
}

describe("slices and packs over NATS", () => {
  it("rings once on connect, and with the sequence of every slice published", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, rings, signal } = startSource(server.url);
    await eventually(() => expect(rings.map((ring) => ring.sequence)).toEqual([0]));
    expect(await source.readSlice(0, signal)).toBeUndefined();
    const sequence = await publishSlice(hub, 7);
    await eventually(() => expect(rings.at(-1)?.sequence).toBe(sequence));
    expect(await source.readSlice(sequence, signal)).toEqual({
      envelope: { ...SLICE, number: { epoch: 1, n: 7 } },
      sequence,
    });
  });

  it("coalesces rings nobody listened to yet into the newest", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, rings, signal } = startSource(server.url);
    await eventually(() => expect(rings).toHaveLength(1));
    const slow = source.rings(signal)[Symbol.asyncIterator]();
    expect((await slow.next()).value).toMatchObject({ sequence: 0 });
    let last = 0;
    for (let n = 1; n <= 20; n += 1) last = await publishSlice(hub, n);
    await eventually(() => expect(rings.at(-1)?.sequence).toBe(last));
    expect((await slow.next()).value).toMatchObject({ sequence: last });
  });

  it("does not take an older slice for the one that rang", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, signal, rings } = startSource(server.url);
    await eventually(() => expect(rings).toHaveLength(1));
    const sequence = await publishSlice(hub, 1);
    await expect(source.readSlice(sequence + 1, signal)).rejects.toMatchObject({ code: "timeout" });
    const waiting = source.readSlice(sequence + 1, signal);
    await publishSlice(hub, 2);
    expect(await waiting).toMatchObject({ envelope: { number: { epoch: 1, n: 2 } } });
  });

  it("puts a pack together from its chunks, and says when one is not there", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, signal, rings } = startSource(server.url);
    await eventually(() => expect(rings).toHaveLength(1));
    const data = new Uint8Array(1_300_000).map((_, index) => index % 251);
    const ref = refTo(data, 3);
    const size = 512 * 1024;
    for (let i = 0; i < 3; i += 1) {
      await hub.publish(`axle.pack.${ref.digest}.${i}`, data.subarray(i * size, (i + 1) * size));
    }
    expect(Buffer.from(await source.readPack(ref, signal)).equals(data)).toBe(true);
    await expect(source.readPack({ ...ref, chunks: 4 }, signal)).rejects.toMatchObject({ code: "missing-pack" });
    await expect(source.readPack({ ...ref, size: 2 ** 30 }, signal)).rejects.toMatchObject({ code: "too-large" });
  });

  it("a slice that is none is a refusal, not a crash", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, signal, rings } = startSource(server.url);
    await eventually(() => expect(rings).toHaveLength(1));
    await hub.publish("axle.slice.c1", "{}");
    await expect(source.readSlice(0, signal)).rejects.toMatchObject({ code: "bad-format" });
  });

  it("survives a NATS that is killed, saying so once, and rings again when it is back", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, signal, rings, lines } = startSource(server.url);
    await eventually(() => expect(rings).toHaveLength(1));
    const sequence = await publishSlice(hub, 1);
    await eventually(() => expect(rings.at(-1)?.sequence).toBe(sequence));
    await server.kill();
    await eventually(() => expect(lines.some((line) => line.includes("nats is away"))).toBe(true));
    await expect(source.readSlice(0, signal)).rejects.toMatchObject({ code: "away" });
    await server.restart();
    await eventually(() => expect(rings.at(-1)?.sequence).toBe(0));
    expect(await source.readSlice(0, signal)).toMatchObject({ sequence });
    expect(lines.filter((line) => line.includes("nats is back"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("nats is away")).length).toBeLessThanOrEqual(2);
  });

  it("moves to another server when its access does", async () => {
    await using first = await NatsServer.start();
    await using second = await NatsServer.start();
    await using hub = await SliceStreams.start(second.url);
    const { source, signal, rings } = startSource(first.url);
    await eventually(() => expect(rings).toHaveLength(1));
    const sequence = await publishSlice(hub, 3);
    source.renew(accessTo(second.url));
    await eventually(() => expect(rings).toHaveLength(2));
    expect(await source.readSlice(sequence, signal)).toMatchObject({ envelope: { number: { epoch: 1, n: 3 } } });
  });

  it("reaches a server by WebSocket where TCP does not get through", async () => {
    await using server = await NatsServer.start({ config: `websocket { host: "127.0.0.1", port: -1, no_tls: true }` });
    await using hub = await SliceStreams.start(server.url);
    const port = /Listening for websocket clients on ws:\/\/[^:]+:(\d+)/.exec(server.logs())?.[1];
    const { source, rings, signal } = startSource("nats://127.0.0.1:1", `ws://127.0.0.1:${port}`);
    await eventually(() => expect(rings).toHaveLength(1));
    const sequence = await publishSlice(hub, 1);
    await eventually(() => expect(rings.at(-1)?.sequence).toBe(sequence));
    expect(await source.readSlice(sequence, signal)).toMatchObject({ sequence });
  });

  it("stops at once while NATS is away, and while it reads", async () => {
    await using server = await NatsServer.start();
    await using hub = await SliceStreams.start(server.url);
    const { source, rings } = startSource(server.url);
    await eventually(() => expect(rings).toHaveLength(1));
    const sequence = await publishSlice(hub, 1);
    const stop = new AbortController();
    const reading = source.readSlice(sequence + 1, stop.signal);
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
  });
});
