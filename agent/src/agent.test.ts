import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import {
  type PackRef,
  sealContextOf,
  signedTextOf,
  type SliceApp,
  type SliceEnvelope,
  type SliceNumber,
} from "@axle/core/slice/slice.ts";
import { Coalesced } from "@axle/runtime/coalesce.ts";
import { encryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import { generateSealingKey, sealTo } from "@axle/runtime/crypto/sealing.ts";
import { generateSigningKey, sign } from "@axle/runtime/crypto/signing.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Agent } from "./agent.ts";
import type { DesiredState, Reconciler, ReconcileOutcome, Ring, SliceCache, SliceSource } from "./ports.ts";
import { ReportBook } from "./report-book.ts";
import { SourceError } from "./source-error.ts";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const signing = generateSigningKey();
const seal = generateSealingKey();
const packKey = new Uint8Array(32).fill(5);
const packs = new Map<string, Uint8Array>();
const settings = { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks: [] };

function pack(name: string): PackRef {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
  const data = encryptContent(packKey, deflateRawSync(JSON.stringify({ format: 1, objects: [object] })));
  const digest = createHash("sha256").update(data).digest("hex");
  packs.set(digest, data);
  return { digest, key: base64(packKey), size: data.length, chunks: 1 };
}

function slice(n: number, apps: readonly string[] = ["web"], by = signing): SliceEnvelope {
  const number = { epoch: 1, n };
  const body = {
    format: 1,
    cluster: "c1",
    number,
    apps: apps.map((name): SliceApp => ({
      name,
      revision: n,
      commit: `commit-${n}`,
      packs: [pack(name)],
      substitutions: {},
      settings,
    })),
    approvals: [],
    deletionHolds: [],
  };
  const sealed = sealTo(seal.publicKey, deflateRawSync(JSON.stringify(body)), sealContextOf({ cluster: "c1", number }));
  const unsigned = { format: 1, cluster: "c1", number, keyId: "k", sealed: base64(sealed) } as const;
  return { ...unsigned, signature: base64(sign(by.privateKey, signedTextOf(unsigned))) };
}

/** NATS, as far as the loop sees it. */
class Source implements SliceSource {
  readonly bell = new Coalesced<Ring>();
  readonly lost = new Set<string>();
  stored: { envelope: SliceEnvelope; sequence: number } | undefined;
  readonly waited: number[] = [];
  isAway = false;
  reads = 0;

  publish(envelope: SliceEnvelope): void {
    const sequence = (this.stored?.sequence ?? 0) + 1;
    this.stored = { envelope, sequence };
    this.bell.push({ sequence, atMs: 0 });
  }

  async *rings(signal: AbortSignal): AsyncIterable<Ring> {
    signal.addEventListener("abort", () => this.bell.end(), { once: true });
    yield* this.bell;
  }

  async readSlice(atLeastSequence: number) {
    this.reads += 1;
    this.waited.push(atLeastSequence);
    if (this.isAway) throw new SourceError("away", "not connected");
    if ((this.stored?.sequence ?? 0) < atLeastSequence) throw new SourceError("timeout", "not there yet");
    return this.stored;
  }

  async readPack({ digest }: PackRef): Promise<Uint8Array> {
    if (this.isAway) throw new SourceError("away", "not connected");
    return (this.lost.has(digest) ? undefined : packs.get(digest)) ?? new Uint8Array();
  }
}

class Cache implements SliceCache {
  text: string | undefined;
  readonly packs = new Map<string, Uint8Array>();

  async readSlice(): Promise<string | undefined> {
    return this.text;
  }

  keepSlice(text: string): void {
    this.text = text;
  }

  async readPack(digest: string): Promise<Uint8Array | undefined> {
    return this.packs.get(digest);
  }

  keepPack(digest: string, data: Uint8Array): void {
    this.packs.set(digest, data);
  }
}

/** The cluster: passes end when told to, unless `outcomes` says how they end at once. */
class Cluster implements Reconciler {
  accepted: SliceNumber | undefined;
  readonly passes: DesiredState[] = [];
  readonly aborted: number[] = [];
  readonly outcomes: (ReconcileOutcome | Error)[] = [];
  waits = false;
  running = 0;
  mostRunning = 0;
  verified = 0;

  async reconcile(desired: DesiredState, signal: AbortSignal): Promise<ReconcileOutcome> {
    this.passes.push(desired);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      if (this.waits) {
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      }
      const outcome = this.outcomes.shift() ?? { applied: true, retry: [] };
      if (outcome instanceof Error) throw outcome;
      return outcome;
    } catch (error) {
      if (signal.aborted) this.aborted.push(desired.number.n);
      throw error;
    } finally {
      this.running -= 1;
    }
  }

  async readAccepted(): Promise<SliceNumber | undefined> {
    return this.accepted;
  }

  async writeAccepted(number: SliceNumber): Promise<void> {
    this.accepted = number;
  }

  async watch(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  async verifyAll(): Promise<void> {
    this.verified += 1;
  }

  get numbers(): readonly number[] {
    return this.passes.map(({ number }) => number.n);
  }
}

function startAgent(parts: { source?: Source; cache?: Cache; cluster?: Cluster } = {}) {
  const { source = new Source(), cache = new Cache(), cluster = new Cluster() } = parts;
  const book = new ReportBook(() => undefined);
  const agent = new Agent({
    cluster: "c1",
    source,
    cache,
    reconciler: cluster,
    book,
    keySet: () => ({
      version: 1,
      keys: [{ id: "k", publicKey: base64(signing.publicKey) }],
      rootPublicKey: "",
      signature: "",
    }),
    sealPrivateKey: seal.privateKey,
    log: silentLogger,
    times: { rereadMs: 60_000, verifyMs: 60_000, retryMs: 4 },
    limits: { maxSliceBytes: 1_000_000, maxPackBytes: 1_000_000, packConcurrency: 2 },
  });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  const finish = async () => {
    stop.abort(new Error("stopped"));
    await running.catch(() => undefined);
  };
  onTestFinished(finish);
  const refusal = () => book.take({ number: 1, full: true, clockOffsetMs: 0 }).refusal;
  return { agent, source, cache, cluster, book, refusal, finish };
}

describe("the agent's loop", () => {
  it("L1: makes the cluster match each slice it is rung for", async () => {
    const { source, cluster } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    source.publish(slice(2));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 2]));
    expect(cluster.accepted).toEqual({ epoch: 1, n: 2 });
    expect(cluster.passes[1]?.apps[0]).toMatchObject({ name: "web", revision: 2, objects: [{ kind: "ConfigMap" }] });
  });

  it("L4: does nothing when it is rung for the slice it has", async () => {
    const { source, cluster } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    const reads = source.reads;
    source.bell.push({ sequence: 0, atMs: 0 });
    await vi.waitFor(() => expect(source.reads).toBe(reads + 1));
    expect(cluster.numbers).toEqual([1]);
  });

  it("a newer slice ends the pass that runs, and never two run at once", async () => {
    const cluster = new Cluster();
    cluster.waits = true;
    const { source } = startAgent({ cluster });
    for (let n = 1; n <= 5; n += 1) {
      source.publish(slice(n));
      await vi.waitFor(() => expect(cluster.numbers.at(-1)).toBe(n));
    }
    expect(cluster.aborted).toEqual([1, 2, 3, 4]);
    expect(cluster.mostRunning).toBe(1);
  });

  it.each([
    ["unsigned", slice(2, ["web"], generateSigningKey()), /signature/],
    ["for another cluster", { ...slice(2), cluster: "c2" }, /cluster c2/],
    ["older than what it accepted", slice(0), /number 1.0, but 1.1/],
  ])(
    "S1: leaves the cluster as it is for a slice that is %s, says why, and goes on with the next",
    async (_, bad, why) => {
      const { source, cluster, refusal } = startAgent();
      source.publish(slice(1));
      await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
      source.publish(bad);
      await vi.waitFor(() => expect(refusal()).toMatch(why));
      expect(cluster.accepted).toEqual({ epoch: 1, n: 1 });
      source.publish(slice(3));
      await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 3]));
      expect(refusal()).toBe("");
    },
  );

  it("a slice whose pack is missing is refused until the pack is there", async () => {
    const { source, cluster, refusal } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    const { digest } = pack("api");
    source.lost.add(digest);
    source.publish(slice(2, ["api"]));
    await vi.waitFor(() => expect(refusal()).toContain(digest));
    expect(cluster.numbers).toEqual([1]);
    source.lost.clear();
    source.bell.push({ sequence: 0, atMs: 0 });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 2]));
  });

  it("tries again while apps fail, and when a pass breaks", async () => {
    const cluster = new Cluster();
    cluster.outcomes.push(
      { applied: false, retry: ["web"] },
      { applied: false, retry: ["web"] },
      { applied: true, retry: [] },
    );
    const { source } = startAgent({ cluster });
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1, 1]));
    cluster.outcomes.push(new Error("API server away"));
    source.publish(slice(2));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1, 1, 2, 2]), { timeout: 3_000 });
  });

  it("L1: works from its cache when NATS is away at a restart", async () => {
    const first = startAgent();
    first.source.publish(slice(1));
    await vi.waitFor(() => expect(first.cluster.numbers).toEqual([1]));
    await first.finish();
    const cluster = new Cluster();
    cluster.accepted = first.cluster.accepted;
    const source = new Source();
    source.isAway = true;
    const { agent } = startAgent({ source, cache: first.cache, cluster });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    expect(agent.current).toEqual({ epoch: 1, n: 1 });
    source.isAway = false;
    source.publish(slice(2));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 2]));
  });

  it("S1: does not work from a cache that is older than what the cluster accepted", async () => {
    const cache = new Cache();
    cache.text = JSON.stringify(slice(1));
    const cluster = new Cluster();
    cluster.accepted = { epoch: 1, n: 2 };
    const { source } = startAgent({ cache, cluster });
    await vi.waitFor(() => expect(source.reads).toBe(1));
    expect(cluster.numbers).toEqual([]);
    source.publish(slice(2));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([2]));
  });

  it("a corrupt cache is no obstacle", async () => {
    const cache = new Cache();
    cache.text = "{";
    const { source, cluster } = startAgent({ cache });
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
  });

  it("reads the slice when the hub expects a newer one than it has, rung or not", async () => {
    const { agent, source, cluster } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    source.stored = { envelope: slice(2), sequence: 2 };
    agent.expect({ epoch: 1, n: 1 });
    agent.expect({ epoch: 1, n: 2 });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 2]));
  });

  it("after a reconnect waits no more for the sequence of a store that may be lost", async () => {
    const { source, cluster } = startAgent();
    source.bell.push({ sequence: 900, atMs: 0 });
    await vi.waitFor(() => expect(source.waited).toEqual([0, 900]));
    source.stored = { envelope: slice(1), sequence: 3 };
    source.bell.push({ sequence: 0, atMs: 0 });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    expect(source.waited.at(-1)).toBe(0);
  });

  it("looks at everything when somebody asks", async () => {
    const { agent, source, cluster } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    await vi.waitFor(() => expect(cluster.running).toBe(0));
    agent.syncNow();
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1]));
  });

  it("ends a pass when it is stopped", async () => {
    const cluster = new Cluster();
    cluster.waits = true;
    const { source, finish } = startAgent({ cluster });
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.running).toBe(1));
    await finish();
    expect(cluster.running).toBe(0);
  });

  it("tells the hub of the steps of a new slice", async () => {
    const { source, cluster, book } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    const { timings } = book.take({ number: 1, full: true, clockOffsetMs: 0 });
    expect(Object.keys(timings[0]?.steps ?? {}).sort()).toEqual(["fetched", "read", "rung", "verified"]);
  });
});
