import type { Logger } from "./logger.ts";
import { SayOnce } from "./say-once.ts";
import { sleep as realSleep } from "./sleep.ts";
import type { Sleep } from "./sleep.ts";
import { StopError } from "./stop-error.ts";

export interface BackoffOptions {
  readonly firstMs?: number;
  readonly longestMs?: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * Delays between tries: doubling from `firstMs` to `longestMs`, each drawn from the upper half of its range so that
 * many that failed together do not come back together. `reset` belongs after a healthy signal (an answer, a session
 * that lasted), not after a mere start: or a thing that dies as it starts would be restarted without pause.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: BackoffOptions = {}) {
    this.#firstMs = options.firstMs ?? 1_000;
    this.#longestMs = options.longestMs ?? 5 * 60_000;
    this.#random = options.random ?? Math.random;
  }

  /** Tries failed since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  nextMs(): number {
    const ceilingMs = Math.min(this.#longestMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(ceilingMs * (0.5 + this.#random() / 2));
  }

  reset(): void {
    this.#failures = 0;
  }
}

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** What is tried, for the log: `connect to nats`. */
  readonly what: string;
  readonly backoff?: Backoff;
  readonly sleep?: Sleep;
}

/**
 * Tries until it works, saying a repeated failure once. Rejects only with the signal's reason or with a
 * {@link StopError} of code `terminal`.
 */
export async function retryUntilDone<T>(work: (signal: AbortSignal) => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, what, backoff = new Backoff(), sleep = realSleep } = options;
  const saying = new SayOnce(options.log.child({ what }));
  while (true) {
    signal.throwIfAborted();
    try {
      const result = await work(signal);
      saying.recovered("works again");
      return result;
    } catch (error) {
      if (signal.aborted || (error instanceof StopError && error.code === "terminal")) throw error;
      saying.failed(error, "failed, trying again until it works");
      await sleep(backoff.nextMs(), signal);
    }
  }
}
