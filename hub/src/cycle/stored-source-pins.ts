import type { Store, StoreEntry } from "../ports.ts";
import type { SourcePins } from "../source-ports.ts";
import type { HubState } from "./hub-state.ts";

/** A digest in use is written again so often, so that a restart finds when it was used. */
const NOTE_EVERY_MS = 7 * 24 * 3_600_000;

/** Digests of sources in the leader's state, of one term. */
export class StoredSourcePins implements SourcePins {
  readonly #state: HubState;
  readonly #store: Pick<Store, "load" | "write">;

  readonly #now: () => number;

  constructor(state: HubState, store: Pick<Store, "load" | "write">, now: () => number = Date.now) {
    this.#state = state;
    this.#store = store;
    this.#now = now;
  }

  digestOf(key: string): string | undefined {
    return this.#state.sources.get(key);
  }

  /** Rejects with what the store throws, LeaseLostError among it: what is not remembered must not be published. */
  async remember(digests: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const decide = (): readonly StoreEntry[] =>
      [...digests]
        .filter(([key, digest]) => this.#state.sources.get(key) !== digest)
        .map(([key, digest]) => ({ type: "source", key, digest, usedAtMs: this.#now() }));
    await this.#state.write(this.#store, decide, signal);
  }

  /**
   * Forgets digests that were not used for so long, and notes which are; gives how many it forgot. From then on the source is
   * taken as it is, as if it had never been seen: a time too long does no harm.
   */
  async collect(used: ReadonlySet<string>, rememberMs: number, signal: AbortSignal): Promise<number> {
    const nowMs = this.#now();
    let forgotten = 0;
    const decide = (): readonly StoreEntry[] => {
      const { sources, sourceUses } = this.#state;
      const entries = [...sources].flatMap(([key, digest]): readonly StoreEntry[] => {
        const usedAtMs = sourceUses.get(key);
        const isOld = (ms: number): boolean => usedAtMs !== undefined && nowMs - usedAtMs >= ms;
        if (!used.has(key) && isOld(rememberMs)) return [{ type: "source-gone", key }];
        // Those nobody noted were remembered by a hub that kept no time: theirs begins now.
        const isDue = usedAtMs === undefined || (used.has(key) && isOld(Math.min(NOTE_EVERY_MS, rememberMs / 2)));
        return isDue ? [{ type: "source", key, digest, usedAtMs: nowMs }] : [];
      });
      forgotten = entries.filter(({ type }) => type === "source-gone").length;
      return entries;
    };
    await this.#state.write(this.#store, decide, signal);
    return forgotten;
  }
}
