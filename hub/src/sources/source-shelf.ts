import { describeSource, sourceKey } from "@axle/core/fleet/source-request.ts";
import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { FetchedSource, SourceFetcher } from "../source-ports.ts";
import { SourceError } from "./source-error.ts";

export type SourceFetchers = Readonly<Partial<Record<SourceRequest["type"], SourceFetcher>>>;

export interface SourceShelfOptions {
  readonly fetchers: SourceFetchers;
  /** A source somebody waited for in vain is there, or failed: what was read without it should be read again. */
  readonly onReady: () => void;
  readonly now: () => number;
  /** How long a turn of the loop waits for a source before it goes on without. */
  readonly patienceMs?: number;
  readonly backoff?: () => Backoff;
}

/** A source, and why it could not be asked for again where that failed. */
export interface ShelvedSource extends FetchedSource {
  readonly trouble?: SourceError;
}

interface Entry {
  readonly request: SourceRequest;
  readonly backoff: Backoff;
  pinned: string | undefined;
  /** The round in which the fetcher was asked for it last. */
  round: number;
  /** The round in which somebody wanted it last. */
  wantedRound: number;
  running: Promise<void> | undefined;
  isAwaited: boolean;
  /** It took longer than anybody waits, last time: nobody waits again until it does not. */
  isSlow: boolean;
  fetched: FetchedSource | undefined;
  error: SourceError | undefined;
  retryAtMs: number;
}

/**
 * What fetchers brought, so that an unchanged poll asks nobody: a source that is pinned stays, one that moves is asked for
 * once a round, one that failed is tried again ever later. A slow server keeps its own apps waiting and nobody else: the
 * loop goes on without it after a while, and is woken when it is there.
 */
export class SourceShelf {
  readonly #options: SourceShelfOptions;
  readonly #entries = new Map<string, Entry>();
  #round = 0;
  /** Of the commit that was read last. */
  #kept: ReadonlySet<string> | undefined;

  constructor(options: SourceShelfOptions) {
    this.#options = options;
  }

  get #patienceMs(): number {
    return this.#options.patienceMs ?? 5_000;
  }

  /** The repository was asked: what moves is asked for again, too. */
  nextRound(): void {
    this.#round += 1;
    this.#forget();
  }

  /**
   * Forgets what nobody asks for any more, in this round or the one before: a head that waits and the commit in force are
   * read in turn, and neither's sources are to be fetched anew, or to wake the loop, for that.
   */
  keepOnly(requests: Iterable<SourceRequest>): void {
    this.#kept = new Set([...requests].map(sourceKey));
    this.#forget();
  }

  #forget(): void {
    for (const [key, { wantedRound }] of this.#entries) {
      if (this.#kept?.has(key) === false && wantedRound < this.#round - 1) this.#entries.delete(key);
    }
  }

  /** What is on it or on its way, by source key, with the trees of what is there. */
  get held(): ReadonlyMap<string, string | undefined> {
    return new Map([...this.#entries].map(([key, { fetched }]) => [key, fetched?.tree]));
  }

  /** The mirror lost what was in it. */
  clear(): void {
    this.#entries.clear();
  }

  /** Throws SourceError. `signal` ends what goes on after this settled, too. */
  async bring(request: SourceRequest, pinned: string | undefined, signal: AbortSignal): Promise<ShelvedSource> {
    const entry = this.#entryOf(request);
    entry.wantedRound = this.#round;
    if (entry.running === undefined && this.#isDue(entry, pinned)) this.#start(entry, pinned, signal);
    if (entry.running !== undefined && entry.isSlow) entry.isAwaited = true;
    else if (entry.running !== undefined) await this.#waitFor(entry, entry.running, signal);
    const { fetched, error } = entry;
    if (fetched !== undefined && (pinned === undefined || pinned === fetched.digest)) {
      return error === undefined ? fetched : { ...fetched, trouble: error };
    }
    throw error ?? new SourceError("unreachable", `${describeSource(request)} is still being fetched`);
  }

  #entryOf(request: SourceRequest): Entry {
    const key = sourceKey(request);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const { backoff = () => new Backoff({ firstMs: 5_000 }) } = this.#options;
      entry = {
        request,
        backoff: backoff(),
        pinned: undefined,
        round: -1,
        wantedRound: this.#round,
        running: undefined,
        isAwaited: false,
        isSlow: false,
        fetched: undefined,
        error: undefined,
        retryAtMs: 0,
      };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #isDue(entry: Entry, pinned: string | undefined): boolean {
    if (pinned !== undefined && pinned === entry.fetched?.digest) return false;
    if (entry.round < 0 || (pinned !== entry.pinned && pinned !== undefined)) return true;
    if (entry.error !== undefined) return this.#options.now() >= entry.retryAtMs;
    return entry.fetched?.moves === true && entry.round < this.#round;
  }

  #start(entry: Entry, pinned: string | undefined, signal: AbortSignal): void {
    if (pinned !== entry.pinned) entry.fetched = undefined;
    entry.pinned = pinned;
    entry.round = this.#round;
    const startedMs = performance.now();
    entry.running = this.#fetch(entry, signal).then(() => {
      entry.running = undefined;
      entry.isSlow = performance.now() - startedMs >= this.#patienceMs;
      if (entry.isAwaited) this.#options.onReady();
      entry.isAwaited = false;
    });
  }

  async #fetch(entry: Entry, signal: AbortSignal): Promise<void> {
    const { request, pinned, backoff } = entry;
    try {
      const fetcher = this.#options.fetchers[request.type];
      if (fetcher === undefined) {
        throw new SourceError("unsupported", `${describeSource(request)} cannot be fetched here`);
      }
      entry.fetched = await fetcher.fetch(request, pinned, signal);
      entry.error = undefined;
      backoff.reset();
    } catch (error) {
      // What is no word of a source (an abort, a fault of ours) passes with the next try as well.
      const message = `${describeSource(request)}: ${error instanceof Error ? error.message : String(error)}`;
      entry.error = error instanceof SourceError ? error : new SourceError("unreachable", message, { cause: error });
      entry.retryAtMs = this.#options.now() + backoff.nextMs();
    }
  }

  async #waitFor(entry: Entry, running: Promise<void>, signal: AbortSignal): Promise<void> {
    const waited = new AbortController();
    const isLate = sleep(this.#patienceMs, AbortSignal.any([signal, waited.signal])).then(
      () => true,
      () => false,
    );
    const late = await Promise.race([running.then(() => false), isLate]);
    waited.abort();
    signal.throwIfAborted();
    if (!late) return;
    entry.isAwaited = true;
    entry.isSlow = true;
  }
}
