import { race, withDeadline } from "@axle/runtime/deadline.ts";
import { isTimeout, StopError } from "@axle/runtime/stop-error.ts";

/** Results nobody came back for: the commit that wanted them was overtaken. */
const MAX_LEFT = 1_000;

/** How long somebody waits. */
export interface Waiting {
  /** For good when left out. */
  readonly patienceMs?: number | undefined;
  readonly signal: AbortSignal;
}

interface Work<T> {
  readonly result: Promise<T>;
  /** Settles when `result` does, and never rejects. */
  readonly ended: Promise<void>;
  hasEnded: boolean;
  /** Somebody went on without it. */
  isLate: boolean;
}

/**
 * Work for who must not wait long: it goes on when nobody waits any more, once at a time for each key. Whoever went on without
 * it is told when it has ended, and is then given what came of it, once; meanwhile it is not waited for again.
 */
export class Underway<T> implements AsyncDisposable {
  readonly #works = new Map<string, Work<T>>();
  readonly #stop = new AbortController();
  readonly #onLateEnd: () => void;

  constructor(onLateEnd: () => void) {
    this.#onLateEnd = onLateEnd;
  }

  /** Ends what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new StopError("ended", "the repository is closed"));
    await Promise.all([...this.#works.values()].map(({ ended }) => ended));
  }

  /** Aborts when work is to end; for work that is begun for several keys at once. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  has(key: string): boolean {
    return this.#works.has(key);
  }

  /** Forgets what came of work that has ended. */
  clear(): void {
    for (const [key, { hasEnded }] of this.#works) if (hasEnded) this.#works.delete(key);
  }

  /** What the work gives, also where it was begun before; undefined: not yet. Rejects as the work does, or with the signal's reason. */
  async take(key: string, begin: () => Promise<T>, waiting: Waiting): Promise<T | undefined> {
    waiting.signal.throwIfAborted();
    const work = this.#works.get(key) ?? this.#begin(key, begin);
    if (!work.hasEnded && !(await isInTime(work, waiting))) {
      work.isLate = true;
      return undefined;
    }
    if (this.#works.get(key) === work) this.#works.delete(key);
    return work.result;
  }

  #begin(key: string, begin: () => Promise<T>): Work<T> {
    const result = begin();
    // Who waits hears of a failure, and maybe nobody does.
    const ended = result.then(
      () => this.#end(key),
      () => this.#end(key),
    );
    const work = { result, ended, hasEnded: false, isLate: false };
    this.#works.set(key, work);
    return work;
  }

  #end(key: string): void {
    const work = this.#works.get(key);
    if (work === undefined) return;
    work.hasEnded = true;
    for (const [left, { hasEnded }] of this.#works) {
      if (this.#works.size <= MAX_LEFT) break;
      if (hasEnded) this.#works.delete(left);
    }
    if (work.isLate && !this.#stop.signal.aborted) this.#onLateEnd();
  }
}

/** What came late once is not waited for again by who is in a hurry. */
async function isInTime({ ended, isLate }: Work<unknown>, { patienceMs, signal }: Waiting): Promise<boolean> {
  if (patienceMs !== undefined && isLate) return false;
  try {
    if (patienceMs === undefined) await race(ended, signal);
    else await withDeadline({ timeoutMs: patienceMs, signal }, (deadline) => race(ended, deadline));
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (isTimeout(error)) return false;
    throw error;
  }
}
