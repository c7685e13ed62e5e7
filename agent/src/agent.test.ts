import type { PackRef, SliceEnvelope, SliceNumber } from "@axle/core/slice/slice.ts";
import { Coalesced } from "@axle/runtime/coalesce.ts";
import type { RawKeyPair } from "@axle/runtime/crypto/raw-keys.ts";
import { generateSigningKey } from "@axle/runtime/crypto/signing.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Agent } from "./agent.ts";
import type {
  DesiredState,
  Reconciler,
  ReconcileOutcome,
  Ring,
  SliceCache,
  SliceSource,
  SyncRequest,
} from "./ports.ts";
import { ReportBook } from "./report-book.ts";
import { SliceForge } from "./slice/slice-forge.test-support.ts";
import { SourceError } from "./source-error.ts";

const forge = new SliceForge();
const { packs } = forge;

function pack(name: string): PackRef {
  return forge.pack([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name } }]);
}

/** `apps`: names, or `name=pack`. */
function slice(n: number, apps: readonly string[] = ["web"], by?: RawKeyPair): SliceEnvelope {
  const written = apps.map((text) => {
    const [name = "", content = name] = text.split("=");
    return forge.app(name, n, pack(content));
  });
  return forge.slice(n, written, by);
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
  readonly asked: (SyncRequest | undefined)[] = [];
  readonly aborted: number[] = [];
  readonly outcomes: (ReconcileOutcome | Error)[] = [];
  waits = false;
  running = 0;
  mostRunning = 0;
  verified = 0;

  async reconcile(desired: DesiredState, signal: AbortSignal, asked?: SyncRequest): Promise<ReconcileOutcome> {
    this.passes.push(desired);
    this.asked.push(asked);
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
    keySet: () => forge.keySet,
    sealPrivateKey: forge.sealPrivateKey,
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

  it("a pack that is missing is the matter of its apps alone, and is asked for until it is there", async () => {
    const { source, cluster, refusal, book } = startAgent();
    const { digest } = pack("api");
    source.lost.add(digest);
    source.publish(slice(1, ["api", "web"]));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    expect(refusal()).toBe("");
    expect(cluster.accepted).toEqual({ epoch: 1, n: 1 });
    const [api, web] = cluster.passes[0]?.apps ?? [];
    expect(api).toMatchObject({
      name: "api",
      objects: [],
      unreadable: [{ digest, reason: expect.stringMatching(/does not match/) }],
    });
    expect(web).toMatchObject({ name: "web", objects: [{ kind: "ConfigMap" }] });
    expect(web).not.toHaveProperty("unreadable");
    const stepsOf = () => Object.keys(book.take({ number: 1, full: true, clockOffsetMs: 0 }).timings[0]?.steps ?? {});
    expect(stepsOf()).not.toContain("fetched");
    source.lost.clear();
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1]));
    expect(cluster.passes[1]?.apps[0]).not.toHaveProperty("unreadable");
    expect(stepsOf()).toContain("fetched");
  });

  it("a pack that arrives ends a pass that waits without it", async () => {
    const cluster = new Cluster();
    cluster.waits = true;
    const { source } = startAgent({ cluster });
    source.lost.add(pack("api").digest);
    source.publish(slice(1, ["api", "web"]));
    await vi.waitFor(() => expect(cluster.running).toBe(1));
    source.lost.clear();
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1]));
    expect(cluster.aborted).toEqual([1]);
  });

  it("an app whose new pack cannot be read keeps the objects it had", async () => {
    const { source, cluster } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    source.lost.add(pack("newer").digest);
    source.publish(slice(2, ["web=newer"]));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 2]));
    expect(cluster.passes[1]?.apps[0]).toMatchObject({
      revision: 2,
      objects: [{ metadata: { name: "web" } }],
      unreadable: [{ digest: pack("newer").digest }],
    });
  });

  it("S1: after a restart works from the accepted slice though a pack of it is in no cache and NATS is away", async () => {
    const first = startAgent();
    const { digest } = pack("api");
    first.source.lost.add(digest);
    first.source.publish(slice(1, ["api", "web"]));
    await vi.waitFor(() => expect(first.cluster.numbers).toEqual([1]));
    await first.finish();
    const cluster = new Cluster();
    cluster.accepted = first.cluster.accepted;
    const source = new Source();
    source.isAway = true;
    startAgent({ source, cache: first.cache, cluster });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    expect(cluster.passes[0]?.apps).toMatchObject([
      { unreadable: [{ reason: expect.stringMatching(/not connected/) }] },
      { name: "web" },
    ]);
    source.isAway = false;
    source.lost.add(digest);
    await vi.waitFor(() => expect(cluster.passes.at(-1)?.apps[0]?.unreadable?.[0]?.reason).toMatch(/does not match/));
    source.lost.clear();
    await vi.waitFor(() => expect(cluster.passes.at(-1)?.apps[0]).not.toHaveProperty("unreadable"));
  });

  it("S1: an older slice is refused after one that was accepted without all of its packs, restart or not", async () => {
    const first = startAgent();
    first.source.lost.add(pack("api").digest);
    first.source.publish(slice(3, ["api"]));
    await vi.waitFor(() => expect(first.cluster.numbers).toEqual([3]));
    await first.finish();
    const cluster = new Cluster();
    cluster.accepted = first.cluster.accepted;
    const { source, refusal } = startAgent({ cluster });
    source.publish(slice(2));
    await vi.waitFor(() => expect(refusal()).toMatch(/number 1.2, but 1.3/));
    expect(cluster.numbers).toEqual([]);
  });

  it("a pack that is corrupt on the disk is read from the hub again", async () => {
    const cache = new Cache();
    const { digest } = pack("web");
    cache.text = JSON.stringify(slice(1));
    cache.packs.set(digest, new Uint8Array([1, 2, 3]));
    const { cluster } = startAgent({ cache });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    expect(cluster.passes[0]?.apps[0]).not.toHaveProperty("unreadable");
    expect(cache.packs.get(digest)).toEqual(packs.get(digest));
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

  it("tells the hub of a cluster that does not answer or takes no writes, until it does", async () => {
    const cluster = new Cluster();
    const { source, refusal } = startAgent({ cluster });
    cluster.outcomes.push(new Error("connection refused"));
    source.publish(slice(1));
    await vi.waitFor(() => expect(refusal()).toBe("the cluster cannot be worked on: connection refused"));
    await vi.waitFor(() => expect(refusal()).toBe(""), { timeout: 3_000 });
    const { writeAccepted } = cluster;
    cluster.writeAccepted = () => Promise.reject(new Error("read-only"));
    source.publish(slice(2));
    await vi.waitFor(() => expect(refusal()).toBe("the cluster cannot be worked on: read-only"));
    cluster.writeAccepted = writeAccepted;
    await vi.waitFor(() => expect(refusal()).toBe(""), { timeout: 3_000 });
    expect(cluster.accepted).toEqual({ epoch: 1, n: 2 });
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

  it("S1: works from a cached slice that it was stopped before accepting, and accepts it first", async () => {
    const cache = new Cache();
    cache.text = JSON.stringify(slice(2));
    const cluster = new Cluster();
    cluster.accepted = { epoch: 1, n: 1 };
    startAgent({ cache, cluster });
    await vi.waitFor(() => expect(cluster.numbers).toEqual([2]));
    expect(cluster.accepted).toEqual({ epoch: 1, n: 2 });
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
    source.publish(slice(1, ["web", "api"]));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    await vi.waitFor(() => expect(cluster.running).toBe(0));
    const reads = source.reads;
    agent.syncNow();
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1]));
    expect(cluster.asked[1]).toEqual({ apps: new Set(["web", "api"]), only: true });
    await vi.waitFor(() => expect(source.reads).toBe(reads + 1));
  });

  it("looks at the apps somebody asks for, and at no others", async () => {
    const { agent, source, cluster } = startAgent();
    source.publish(slice(1, ["web", "api"]));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    await vi.waitFor(() => expect(cluster.running).toBe(0));
    agent.syncNow(["api", "unheard-of"]);
    await vi.waitFor(() => expect(cluster.asked[1]).toEqual({ apps: new Set(["api"]), only: true }));
    await vi.waitFor(() => expect(cluster.running).toBe(0));
    source.publish(slice(2, ["web", "api"]));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1, 2]));
    expect(cluster.asked[2]).toEqual({ apps: new Set(), only: false });
  });

  it("a request cuts a wait short, and the pass that was cut is made whole", async () => {
    const cluster = new Cluster();
    cluster.waits = true;
    const { agent, source } = startAgent({ cluster });
    source.publish(slice(1, ["web", "api"]));
    await vi.waitFor(() => expect(cluster.running).toBe(1));
    cluster.waits = false;
    agent.syncNow(["api"]);
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1, 1]));
    expect(cluster.aborted).toEqual([1]);
    expect(cluster.asked[1]).toEqual({ apps: new Set(["api"]), only: false });
  });

  it("a request is not forgotten when the pass for it breaks or a newer slice arrives", async () => {
    const { agent, source, cluster } = startAgent();
    source.publish(slice(1));
    await vi.waitFor(() => expect(cluster.numbers).toEqual([1]));
    await vi.waitFor(() => expect(cluster.running).toBe(0));
    cluster.waits = true;
    agent.syncNow(["web"]);
    await vi.waitFor(() => expect(cluster.asked).toHaveLength(2));
    cluster.waits = false;
    source.publish(slice(2));
    await vi.waitFor(() => expect(cluster.asked[2]).toEqual({ apps: new Set(["web"]), only: false }));
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
