import { compareNumbers, type SliceBody, type SliceNumber } from "@axle/core/slice/slice.ts";
import { Backoff, retryUntilDone } from "@axle/runtime/backoff.ts";
import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import { describeError } from "@axle/runtime/describe-error.ts";
import type { Service } from "@axle/runtime/service.ts";
import type { AgentOptions } from "./agent-options.ts";
import { Passes } from "./passes.ts";
import type { Ring } from "./ports.ts";
import { deepEqual } from "./reconcile/deep-equal.ts";
import { formatNumber, parseEnvelope } from "./slice/read-slice.ts";
import { SliceError } from "./slice/slice-error.ts";
import { type OpenedSlice, SliceOpener } from "./slice/slice-opener.ts";
import { SourceError } from "./source-error.ts";

const LONGEST_RETRY_MS = 5 * 60_000;

type Task = "slice" | "packs" | "pass" | "verify";

/**
 * The agent's loop. Four tasks, each level-triggered and never twice at once:
 * `slice` reads the newest slice when rung, when the hub expects another, and at intervals; verifies, accepts and opens it;
 * `packs` asks again, with backoff, for packs of it that could not be read: without them only their apps stand still;
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
  readonly #opener: SliceOpener;
  readonly #passes: Passes;
  readonly #packRetry: Backoff;
  #accepted: SliceNumber | undefined;
  #slice: OpenedSlice | undefined;
  /** The highest sequence rung since the last read, and when the first of those rings came. */
  #heard: Ring | undefined;

  constructor(options: AgentOptions) {
    const { times, log, now = Date.now } = options;
    this.#options = options;
    this.#now = now;
    this.#opener = new SliceOpener(options);
    const backoff = { firstMs: times.retryMs, longestMs: LONGEST_RETRY_MS };
    this.#passes = new Passes(options.reconciler, backoff);
    this.#packRetry = new Backoff(backoff);
    const work = (task: string, signal: AbortSignal) => this.#work(task as Task, signal);
    this.#queue = new KeyedQueue({ name: "agent", log, concurrency: 4, work });
  }

  /** The highest number accepted, as far as this agent knows. */
  get accepted(): SliceNumber | undefined {
    return this.#accepted;
  }

  /** The slice the cluster is kept to. */
  get current(): SliceNumber | undefined {
    return this.#slice?.body.number;
  }

  /** The hub says which slice it should be: read again when it is another. */
  expect(number: SliceNumber): void {
    if (this.current === undefined || compareNumbers(number, this.current) > 0) this.#queue.add("slice");
  }

  /** Somebody wants these apps looked at now, or all of them: the newest slice is read, what waits is cut short. */
  syncNow(apps: readonly string[] = []): void {
    this.#passes.ask(apps);
    for (const task of ["slice", "packs", "pass"] satisfies Task[]) this.#queue.add(task);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { reconciler, log, times } = this.#options;
    const readAccepted = (during: AbortSignal) => reconciler.readAccepted(during);
    this.#accepted = await retryUntilDone(readAccepted, { signal, log, what: "read what was accepted" });
    await this.#restore(signal);
    this.#queue.add("slice");
    this.#queue.addAfter("verify", this.#jittered(times.verifyMs));
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
    const { reconciler, times } = this.#options;
    switch (task) {
      case "slice":
        await this.#readSlice(signal);
        return { againAfterMs: this.#jittered(times.rereadMs) };
      case "packs":
        return this.#readPacks(signal);
      case "pass":
        return this.#unlessStalled(signal, () => this.#passes.run(signal));
      case "verify":
        await this.#options.onVerify?.(signal);
        if (!this.#passes.isRunning && this.#slice !== undefined) await reconciler.verifyAll(signal);
        return { againAfterMs: this.#jittered(times.verifyMs) };
    }
  }

  /** Before anybody is asked: what this cluster was kept to when the agent stopped. */
  async #restore(signal: AbortSignal): Promise<void> {
    const { cache, log } = this.#options;
    try {
      const text = await cache.readSlice();
      if (text === undefined) return;
      const body = await this.#opener.verify(parseEnvelope(text), this.#accepted);
      this.#adopt(await this.#accept(body, signal), { isNew: false });
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
      if (found === undefined) return;
      const { envelope } = found;
      const { number } = envelope;
      if (this.current !== undefined && compareNumbers(number, this.current) === 0) {
        // Read for some reason, as that NATS is back: maybe its packs can be read now too.
        if (this.#slice?.unreadable.size !== 0) this.#queue.add("packs");
        return book.refuse("");
      }
      const readAtMs = this.#now();
      const isNew = this.#accepted === undefined || compareNumbers(number, this.#accepted) > 0;
      const body = await this.#opener.verify(envelope, this.#accepted);
      const verifiedAtMs = this.#now();
      // Before its number is stored: a restart without the hub finds the slice that was accepted, whatever became of its packs.
      cache.keepSlice(JSON.stringify(envelope));
      this.#adopt(await this.#accept(body, signal), { isNew });
      const times = { rung: rungAtMs, read: readAtMs, verified: verifiedAtMs };
      for (const step of ["rung", "read", "verified"] as const) book.step(number, step, times[step]);
      log.info({ slice: this.#said(), apps: body.apps.length }, "slice accepted");
    } catch (error) {
      if (error instanceof SliceError) book.refuse(error.message);
      if (error instanceof SourceError && error.code === "away") return;
      throw error;
    }
  }

  /** S1: what was verified is worked from once its number is stored. */
  async #accept(body: SliceBody, signal: AbortSignal): Promise<OpenedSlice> {
    const accepting = this.#options.reconciler.writeAccepted(body.number, signal);
    accepting.catch(() => undefined);
    const opened = await this.#opener.open(body, this.#slice, signal);
    await this.#unlessStalled(signal, () => accepting);
    this.#accepted = body.number;
    return opened;
  }

  /** What the cluster makes impossible as a whole is no app's fault, and the hub is told. */
  async #unlessStalled<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      this.#options.book.stall("");
      return done;
    } catch (error) {
      if (!signal.aborted) this.#options.book.stall(`the cluster cannot be worked on: ${describeError(error)}`);
      throw error;
    }
  }

  /** From now on the cluster is kept to this; a pass for what was before ends. */
  #adopt(slice: OpenedSlice, { isNew }: { readonly isNew: boolean }): void {
    const { book } = this.#options;
    this.#packRetry.reset();
    book.refuse("");
    book.begin(slice.desired, { isNew });
    this.#keepTo(slice);
    if (slice.unreadable.size > 0) this.#queue.addAfter("packs", this.#packRetry.nextMs());
  }

  /** Another try for what could not be read. What arrived is worked from at once; what did not stands still. */
  async #readPacks(signal: AbortSignal): Promise<{ againAfterMs: number } | void> {
    const slice = this.#slice;
    if (slice === undefined || slice.unreadable.size === 0) return;
    const again = await this.#opener.open(slice.body, slice, signal);
    if (this.#slice !== slice) return;
    if (again.packs.size > slice.packs.size) this.#keepTo(again);
    else if (!deepEqual([...again.unreadable], [...slice.unreadable])) {
      this.#slice = again;
      this.#passes.reword(again.desired);
      this.#queue.add("pass");
    }
    if (again.unreadable.size > 0) return { againAfterMs: this.#packRetry.nextMs() };
  }

  #keepTo(slice: OpenedSlice): void {
    const { book, log } = this.#options;
    const { body, unreadable } = slice;
    this.#slice = slice;
    this.#passes.begin(slice.desired);
    if (unreadable.size === 0) book.step(body.number, "fetched", this.#now());
    else log.warn({ slice: this.#said(), reasons: [...unreadable.values()] }, "packs cannot be read, their apps wait");
    this.#queue.add("pass");
  }

  #said(): string {
    return this.current === undefined ? "" : formatNumber(this.current);
  }

  /** Within a fifth of it, so that a fleet does not ask all at once. */
  #jittered(ms: number): number {
    return Math.round(ms * (0.8 + 0.4 * (this.#options.random ?? Math.random)()));
  }
}
