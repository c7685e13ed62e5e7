import type { KeySet } from "@axle/core/session/key-set.ts";
import { compareNumbers, type SliceEnvelope, type SliceNumber } from "@axle/core/slice/slice.ts";
import { Backoff, retryUntilDone } from "@axle/runtime/backoff.ts";
import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { StopError } from "@axle/runtime/stop-error.ts";
import type { DesiredState, Reconciler, Ring, SliceCache, SliceSource } from "./ports.ts";
import type { ReportBook } from "./report-book.ts";
import { type OpenedPacks, openPacks } from "./slice/open-packs.ts";
import { formatNumber, parseEnvelope, readSlice } from "./slice/read-slice.ts";
import { SliceError } from "./slice/slice-error.ts";
import { SourceError } from "./source-error.ts";

export interface AgentOptions {
  readonly cluster: string;
  readonly source: SliceSource;
  readonly cache: SliceCache;
  readonly reconciler: Reconciler;
  readonly book: ReportBook;
  /** Asked for each slice: the hub may bring new keys. */
  readonly keySet: () => KeySet;
  readonly sealPrivateKey: Uint8Array;
  readonly log: Logger;
  readonly times: AgentTimes;
  readonly limits: AgentLimits;
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface AgentTimes {
  /** The slice is read again without a ring. */
  readonly rereadMs: number;
  /** Everything is compared by dry-run. */
  readonly verifyMs: number;
  /** After a pass that left something to do; doubles from try to try. */
  readonly retryMs: number;
}

export interface AgentLimits {
  /** Of an opened slice, and of an opened pack. */
  readonly maxSliceBytes: number;
  readonly maxPackBytes: number;
  readonly packConcurrency: number;
}

interface Opened {
  readonly desired: DesiredState;
  readonly opened: OpenedPacks;
  readonly verifiedAtMs: number;
  readonly fetchedAtMs: number;
}

type Task = "slice" | "pass" | "verify";

/**
 * The agent's loop. Three tasks, each level-triggered and never twice at once:
 * `slice` reads the newest slice when rung, when the hub expects another, and at intervals; verifies and opens it;
 * `pass` makes the cluster match what was opened last, again with backoff while something fails;
 * `verify` compares everything from time to time.
 * A newer slice ends a running pass, whatever it waits for, and the next pass begins with it. The rejected alternative, one
 * sequence of steps, would keep a fix waiting until the broken revision before it has timed out.
 */
export class Agent implements Service {
  readonly name = "agent";
  readonly #options: AgentOptions;
  readonly #now: () => number;
  readonly #queue: KeyedQueue;
  readonly #retry: Backoff;
  #accepted: SliceNumber | undefined;
  #desired: DesiredState | undefined;
  #opened: OpenedPacks = new Map();
  /** The highest sequence rung since the last read, and when the first of those rings came. */
  #heard: Ring | undefined;
  #pass: AbortController | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#retry = new Backoff({ firstMs: options.times.retryMs, longestMs: 5 * 60_000 });
    const work = (task: string, signal: AbortSignal) => this.#work(task as Task, signal);
    this.#queue = new KeyedQueue({ name: "agent", log: options.log, concurrency: 3, work });
  }

  /** The highest number accepted, as far as this agent knows. */
  get accepted(): SliceNumber | undefined {
    return this.#accepted;
  }

  /** The slice the cluster is kept to. */
  get current(): SliceNumber | undefined {
    return this.#desired?.number;
  }

  /** The hub says which slice it should be: read again when it is another. */
  expect(number: SliceNumber): void {
    if (this.#desired === undefined || compareNumbers(number, this.#desired.number) > 0) this.#queue.add("slice");
  }

  /** Somebody wants everything looked at now. */
  syncNow(): void {
    for (const task of ["slice", "pass", "verify"] satisfies Task[]) this.#queue.add(task);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { reconciler, log } = this.#options;
    const readAccepted = (during: AbortSignal) => reconciler.readAccepted(during);
    this.#accepted = await retryUntilDone(readAccepted, { signal, log, what: "read what was accepted" });
    await this.#restore(signal);
    this.#queue.add("slice");
    this.#queue.addAfter("verify", this.#jittered(this.#options.times.verifyMs));
    await Promise.all([this.#queue.run(signal), this.#listen(signal), reconciler.watch(signal)]);
  }

  async #listen(signal: AbortSignal): Promise<void> {
    for await (const ring of this.#options.source.rings(signal)) {
      const { sequence, atMs } = this.#heard ?? ring;
      // A new connection begins anew: what stands behind it may have lost its store, and with it its numbers.
      this.#heard = { sequence: ring.sequence === 0 ? 0 : Math.max(sequence, ring.sequence), atMs };
      this.#queue.add("slice");
    }
  }

  async #work(task: Task, signal: AbortSignal): Promise<{ againAfterMs: number } | void> {
    switch (task) {
      case "slice":
        await this.#readSlice(signal);
        return { againAfterMs: this.#jittered(this.#options.times.rereadMs) };
      case "pass":
        return this.#runPass(signal);
      case "verify":
        if (this.#pass === undefined && this.#desired !== undefined) await this.#options.reconciler.verifyAll(signal);
        return { againAfterMs: this.#jittered(this.#options.times.verifyMs) };
    }
  }

  /** Before anybody is asked: what this cluster was kept to when the agent stopped. */
  async #restore(signal: AbortSignal): Promise<void> {
    const { cache, log } = this.#options;
    try {
      const text = await cache.readSlice();
      if (text === undefined) return;
      this.#adopt(await this.#open(parseEnvelope(text), signal), { isNew: false });
      log.info({ slice: this.#said() }, "working from the cached slice until a newer one is read");
    } catch (error) {
      if (signal.aborted) throw error;
      log.info({ error }, "the cached slice is of no use, waiting for the hub's");
    }
  }

  /** Throws what makes the slice be read again with backoff: refusals, and a source that did not answer. */
  async #readSlice(signal: AbortSignal): Promise<void> {
    const { source, cache, book, log } = this.#options;
    const heard = this.#heard;
    const rungAtMs = heard?.atMs ?? this.#now();
    try {
      const found = await source.readSlice(heard?.sequence ?? 0, signal);
      if (this.#heard === heard) this.#heard = undefined;
      const number = found?.envelope.number;
      if (number === undefined || found === undefined) return;
      if (this.#desired !== undefined && compareNumbers(number, this.#desired.number) === 0) return book.refuse("");
      const readAtMs = this.#now();
      const isNew = this.#accepted === undefined || compareNumbers(number, this.#accepted) > 0;
      const opened = await this.#open(found.envelope, signal);
      this.#adopt(opened, { isNew });
      const { verifiedAtMs, fetchedAtMs } = opened;
      const times = { rung: rungAtMs, read: readAtMs, verified: verifiedAtMs, fetched: fetchedAtMs };
      for (const step of ["rung", "read", "verified", "fetched"] as const) book.step(number, step, times[step]);
      cache.keepSlice(JSON.stringify(found.envelope));
      log.info({ slice: this.#said(), apps: opened.desired.apps.length }, "slice accepted");
    } catch (error) {
      if (error instanceof SliceError) book.refuse(error.message);
      if (error instanceof SourceError && error.code === "away") return;
      throw error;
    }
  }

  /** S1: nothing of it is used before it is verified and its number is being stored. */
  async #open(envelope: SliceEnvelope, signal: AbortSignal): Promise<Opened> {
    const { cluster, keySet, sealPrivateKey, limits, source, cache, reconciler } = this.#options;
    const trust = {
      cluster,
      keySet: keySet(),
      sealPrivateKey,
      accepted: this.#accepted,
      maxBytes: limits.maxSliceBytes,
    };
    const body = await readSlice(envelope, trust);
    const verifiedAtMs = this.#now();
    const accepting = reconciler.writeAccepted(body.number, signal);
    accepting.catch(() => undefined);
    const opening = { source, cache, maxBytes: limits.maxPackBytes, concurrency: limits.packConcurrency };
    const { desired, opened } = await openPacks(body, { ...opening, known: this.#opened }, signal);
    const fetchedAtMs = this.#now();
    await accepting;
    this.#accepted = body.number;
    return { desired, opened, verifiedAtMs, fetchedAtMs };
  }

  /** From now on the cluster is kept to this; a pass for what was before ends. */
  #adopt({ desired, opened }: Opened, { isNew }: { readonly isNew: boolean }): void {
    this.#desired = desired;
    this.#opened = opened;
    this.#retry.reset();
    this.#options.book.refuse("");
    this.#options.book.begin(desired, { isNew });
    this.#pass?.abort(new StopError("ended", "a newer slice arrived"));
    this.#queue.add("pass");
  }

  async #runPass(signal: AbortSignal): Promise<{ againAfterMs: number } | void> {
    const desired = this.#desired;
    if (desired === undefined) return;
    const pass = new AbortController();
    const stop = () => pass.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#pass = pass;
    try {
      const { retry } = await this.#options.reconciler.reconcile(desired, pass.signal);
      if (retry.length > 0) return { againAfterMs: this.#retry.nextMs() };
      this.#retry.reset();
    } catch (error) {
      if (!pass.signal.aborted || signal.aborted) throw error;
    } finally {
      this.#pass = undefined;
      signal.removeEventListener("abort", stop);
    }
  }

  #said(): string {
    return this.#desired === undefined ? "" : formatNumber(this.#desired.number);
  }

  /** Within a fifth of it, so that a fleet does not ask all at once. */
  #jittered(ms: number): number {
    return Math.round(ms * (0.8 + 0.4 * (this.#options.random ?? Math.random)()));
  }
}
