import type { Store, StoreEntry } from "../ports.ts";
import type { SourcePins } from "../source-ports.ts";
import type { HubState } from "./hub-state.ts";

/** Digests of sources in the leader's state, of one term. */
export class StoredSourcePins implements SourcePins {
  readonly #state: HubState;
  readonly #store: Pick<Store, "load" | "write">;

  constructor(state: HubState, store: Pick<Store, "load" | "write">) {
    this.#state = state;
    this.#store = store;
  }

  digestOf(key: string): string | undefined {
    return this.#state.sources.get(key);
  }

  /** Rejects with what the store throws, LeaseLostError among it: what is not remembered must not be published. */
  async remember(digests: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const decide = (): readonly StoreEntry[] =>
      [...digests]
        .filter(([key, digest]) => this.#state.sources.get(key) !== digest)
        .map(([key, digest]) => ({ type: "source", key, digest }));
    await this.#state.write(this.#store, decide, signal);
  }
}
