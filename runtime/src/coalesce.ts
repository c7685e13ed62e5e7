/**
 * Items for one slow reader who only wants the newest: holds at most one. `push` never waits; an item that was not read
 * yet is merged with the next (by default replaced by it). Ends with `end` or with the signal; an item held then is still
 * read first.
 */
export class Coalesced<T> implements AsyncIterable<T> {
  readonly #merge: (held: T, next: T) => T;
  #held: { item: T } | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: { merge?: (held: T, next: T) => T; signal?: AbortSignal } = {}) {
    this.#merge = options.merge ?? ((_held, next) => next);
    if (options.signal?.aborted === true) this.end();
    else options.signal?.addEventListener("abort", () => this.end(), { once: true });
  }

  push(item: T): void {
    if (this.#ended) return;
    this.#held = { item: this.#held === undefined ? item : this.#merge(this.#held.item, item) };
    this.#notify();
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    while (true) {
      const held = this.#held;
      if (held !== undefined) {
        this.#held = undefined;
        yield held.item;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
