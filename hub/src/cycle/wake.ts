/** Why the loop runs again. Reasons coalesce: the loop reads everything fresh, whatever woke it. */
export type WakeReason = "start" | "hook" | "poll" | "clusters" | "approval" | "status" | "retry" | "render";

export interface Poke {
  readonly reason: WakeReason;
  /** When it happened, on the hub's clock: the time a commit counts as seen. */
  readonly atMs: number;
}

/**
 * A level-triggered bell: any number of pokes before the loop comes round are one. It holds at most one poke per
 * reason (the earliest, so that a commit's clock starts with the first word of it).
 */
export class Wake {
  readonly #pending = new Map<WakeReason, Poke>();
  #ring: (() => void) | undefined;

  poke(reason: WakeReason, atMs: number): void {
    if (!this.#pending.has(reason)) this.#pending.set(reason, { reason, atMs });
    this.#ring?.();
  }

  /** Takes all pokes that are pending. */
  take(): readonly Poke[] {
    const pokes = [...this.#pending.values()];
    this.#pending.clear();
    return pokes;
  }

  /** Resolves as soon as there is a poke; at once when there is one already. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#pending.size > 0) return;
    await new Promise<void>((resolve, reject) => {
      const stop = () => reject(signal.reason as Error);
      this.#ring = () => {
        signal.removeEventListener("abort", stop);
        this.#ring = undefined;
        resolve();
      };
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}
