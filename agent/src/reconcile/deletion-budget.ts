/** Deletions that began in one minute. */
export interface DeletionCount {
  /** Start of the minute, milliseconds since 1970. */
  readonly atMs: number;
  readonly count: number;
}

export interface DeletionBudgetOptions {
  /** Undefined: no limit, and nothing is counted. */
  readonly perHour: number | undefined;
  readonly now: () => number;
  /** Remembers the counts for good: a restart is no new hour. */
  readonly save: (counts: readonly DeletionCount[], signal: AbortSignal) => Promise<void>;
}

const HOUR_MS = 60 * 60_000;
const MINUTE_MS = 60_000;

/** How many objects may still be deleted in this hour, as the cluster's owner set it. */
export class DeletionBudget {
  readonly #options: DeletionBudgetOptions;
  #counts: readonly DeletionCount[] = [];
  #saving: Promise<void> | undefined;
  #isUnsaved = false;

  constructor(options: DeletionBudgetOptions) {
    this.#options = options;
  }

  /** What was counted before a restart. */
  restore(counts: readonly DeletionCount[]): void {
    this.#counts = counts;
  }

  /** Counts one deletion and resolves when that is stored; when there is no room, why it has to wait. */
  async take(signal: AbortSignal): Promise<string | undefined> {
    const { perHour, now } = this.#options;
    if (perHour === undefined) return undefined;
    const nowMs = now();
    this.#counts = this.#counts.filter(({ atMs }) => atMs > nowMs - HOUR_MS);
    const spent = this.#counts.reduce((sum, { count }) => sum + count, 0);
    if (spent >= perHour) return `waits: ${perHour} deletions in an hour are the cluster's budget, ${this.#sayRoom()}`;
    const atMs = nowMs - (nowMs % MINUTE_MS);
    const count = (this.#counts.find((minute) => minute.atMs === atMs)?.count ?? 0) + 1;
    this.#counts = [...this.#counts.filter((minute) => minute.atMs !== atMs), { atMs, count }];
    await this.#save(signal);
    return undefined;
  }

  /** Those who take at once share a write. */
  async #save(signal: AbortSignal): Promise<void> {
    this.#isUnsaved = true;
    this.#saving ??= this.#saveAll(signal).finally(() => {
      this.#saving = undefined;
    });
    await this.#saving;
  }

  async #saveAll(signal: AbortSignal): Promise<void> {
    while (this.#isUnsaved) {
      this.#isUnsaved = false;
      await this.#options.save(this.#counts, signal);
    }
  }

  #sayRoom(): string {
    const first = this.#counts[0];
    if (first === undefined) return "which has no room at all";
    return `room again at ${new Date(first.atMs + HOUR_MS + MINUTE_MS).toISOString().slice(0, 16)}Z`;
  }
}
