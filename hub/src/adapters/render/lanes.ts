export interface LanesOptions {
  /** How many work at the same time. */
  readonly parallel: number;
  /** Whose work takes longer counts as slow, until it is quick again. */
  readonly slowAfterMs: number;
}

/** One piece of work, from when it first wants a place until it is done. */
interface Job {
  readonly subject: string;
  /** Who came first has the lower number, also when it is sent away and comes again. */
  readonly number: number;
  isSlow: boolean;
  /** Is not sent away. */
  isKept: boolean;
  start: () => void;
  /** Sends it away; another each time it has a place. */
  away: AbortController;
}

const MAX_REMEMBERED = 10_000;

/**
 * Shares places between work that takes its time, or never ends, and work that does not. Half of them are for the slow,
 * which runs to its end there. It has the other half while nobody else wants it; when somebody does, it is sent away, and
 * begins anew later. So the quick wait for the slow only until it is known as slow, and the slow are not starved.
 */
export class Lanes {
  readonly #parallel: number;
  readonly #slowAfterMs: number;
  readonly #mostKept: number;
  readonly #running = new Set<Job>();
  /** By number. */
  readonly #waiting: Job[] = [];
  readonly #slow = new Set<string>();
  #numbers = 0;

  constructor({ parallel, slowAfterMs }: LanesOptions) {
    this.#parallel = parallel;
    this.#slowAfterMs = slowAfterMs;
    this.#mostKept = Math.max(1, Math.floor(parallel / 2));
  }

  /**
   * Works as soon as there is a place. `work` is told by its signal to stop, as `signal` says or because its place is
   * needed: then it is called again. What is done for one `subject` is slow or quick together.
   */
  async run<T>(subject: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const number = (this.#numbers += 1);
    const away = new AbortController();
    const job: Job = { subject, number, isSlow: false, isKept: false, start: () => undefined, away };
    for (;;) {
      await this.#enter(job, signal);
      const sentAway = job.away.signal;
      let isQuick = true;
      const timer = setTimeout(() => {
        isQuick = false;
        this.#noteSlow(job);
      }, this.#slowAfterMs);
      try {
        return await work(AbortSignal.any([signal, sentAway]));
      } catch (error) {
        if (!sentAway.aborted || signal.aborted) throw error;
      } finally {
        clearTimeout(timer);
        if (isQuick && !sentAway.aborted) this.#slow.delete(subject);
        this.#running.delete(job);
        job.isKept = false;
        this.#assign();
      }
    }
  }

  async #enter(job: Job, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = (): void => {
      const position = this.#waiting.indexOf(job);
      if (position >= 0) this.#waiting.splice(position, 1);
      reject(signal.reason as Error);
    };
    job.start = resolve;
    job.isSlow ||= this.#slow.has(job.subject);
    // Nearly always the last; many may wait.
    const position = this.#waiting.findLastIndex(({ number }) => number < job.number) + 1;
    this.#waiting.splice(position, 0, job);
    signal.addEventListener("abort", giveUp, { once: true });
    this.#assign();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #noteSlow(job: Job): void {
    job.isSlow = true;
    this.#slow.delete(job.subject);
    this.#slow.add(job.subject);
    const [oldest] = this.#slow;
    if (this.#slow.size > MAX_REMEMBERED && oldest !== undefined) this.#slow.delete(oldest);
    for (const other of this.#waiting) if (other.subject === job.subject) other.isSlow = true;
    this.#assign();
  }

  #assign(): void {
    const slow = [...this.#running].filter(({ isSlow }) => isSlow).toSorted((a, b) => a.number - b.number);
    let kept = slow.filter(({ isKept }) => isKept).length;
    const keep = (job: Job): void => {
      if (job.isKept || kept >= this.#mostKept) return;
      job.isKept = true;
      kept += 1;
    };
    slow.forEach(keep);
    while (this.#running.size < this.#parallel && this.#waiting.length > 0) {
      const fitting = this.#waiting.findIndex(({ isSlow }) => !isSlow || kept < this.#mostKept);
      const [next] = this.#waiting.splice(Math.max(fitting, 0), 1) as [Job];
      this.#running.add(next);
      next.away = new AbortController();
      if (next.isSlow) keep(next);
      next.start();
    }
    const spare = slow.filter(({ isKept, away }) => !isKept && !away.signal.aborted).toReversed();
    if (spare.length === 0) return;
    // A place that is being left already is for one of those who wait.
    const leaving = [...this.#running].filter(({ away }) => away.signal.aborted).length;
    const wanted = this.#waiting.filter(({ isSlow }) => !isSlow).length - leaving;
    for (const { away } of spare.slice(0, Math.max(wanted, 0))) away.abort(new Error("the place is needed"));
  }
}
