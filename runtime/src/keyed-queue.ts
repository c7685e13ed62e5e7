import { Backoff } from "./backoff.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Logger } from "./logger.ts";
import type { Service } from "./service.ts";
import { StopError } from "./stop-error.ts";

/** Works on one key. Returns when it wants the key again (`againAfterMs`), or nothing. What it throws is retried with backoff. */
export type KeyWork = (key: string, signal: AbortSignal) => Promise<{ readonly againAfterMs: number } | void>;

export interface KeyedQueueOptions {
  readonly name: string;
  readonly work: KeyWork;
  readonly log: Logger;
  /** Keys worked on at once. */
  readonly concurrency?: number;
  readonly backoff?: BackoffOptions;
}

/**
 * A queue of keys, never payloads: the work reads what is true now. A key added many times while it waits is worked on
 * once; added while it is being worked on, once more afterwards, never twice at once. Held in memory, one entry per key.
 */
export class KeyedQueue implements Service {
  readonly name: string;
  readonly #options: KeyedQueueOptions;
  readonly #concurrency: number;
  /** In order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #dueAtMs = new Map<string, number>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #idlers: (() => void)[] = [];
  #signal: AbortSignal | undefined;

  constructor(options: KeyedQueueOptions) {
    this.name = options.name;
    this.#options = options;
    this.#concurrency = options.concurrency ?? 1;
  }

  /** Keys waiting or being worked on (not those that wait for their time). */
  get size(): number {
    return this.#waiting.size + this.#running.size;
  }

  add(key: string): void {
    this.#unschedule(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  /** Adds the key later. The earliest of several times holds. */
  addAfter(key: string, delayMs: number): void {
    const dueAtMs = performance.now() + delayMs;
    if ((this.#dueAtMs.get(key) ?? Number.POSITIVE_INFINITY) <= dueAtMs) return;
    this.#unschedule(key);
    this.#dueAtMs.set(key, dueAtMs);
    this.#timers.set(
      key,
      setTimeout(() => this.add(key), delayMs),
    );
  }

  /** Forgets a key that no longer exists: its timer and its backoff. */
  forget(key: string): void {
    this.#unschedule(key);
    this.#waiting.delete(key);
    this.#again.delete(key);
    this.#backoffs.delete(key);
  }

  /** Resolves when nothing waits and nothing runs (keys scheduled for later may be left). */
  async idle(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  /** Works until stopped, then waits for what runs. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#pump();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#dueAtMs.clear();
    this.#waiting.clear();
    this.#again.clear();
    await this.idle();
  }

  #pump(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#work(key, signal);
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    try {
      const result = await this.#options.work(key, signal);
      this.#backoffs.delete(key);
      if (result !== undefined && !signal.aborted) this.addAfter(key, result.againAfterMs);
    } catch (error) {
      if (!signal.aborted) this.#retryLater(key, error);
    } finally {
      this.#running.delete(key);
      if (this.#again.delete(key) && !signal.aborted) this.#waiting.add(key);
      this.#pump();
      if (this.size === 0) for (const resolve of this.#idlers.splice(0)) resolve();
    }
  }

  #retryLater(key: string, error: unknown): void {
    const log = this.#options.log;
    if (error instanceof StopError && error.code === "terminal") {
      this.#backoffs.delete(key);
      log.error({ key, error }, "work failed for good");
      return;
    }
    const backoff = this.#backoffs.get(key) ?? new Backoff(this.#options.backoff);
    this.#backoffs.set(key, backoff);
    const delayMs = backoff.nextMs();
    const level = backoff.failures === 1 ? "info" : backoff.failures < 5 ? "warn" : "error";
    log[level]({ key, error, delayMs, failures: backoff.failures }, "work failed, trying again");
    this.addAfter(key, delayMs);
  }

  #unschedule(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#dueAtMs.delete(key);
  }
}
