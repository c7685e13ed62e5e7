import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { Backoff, retryUntilDone } from "@axle/runtime/backoff.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import type { KeyedStore, Registration } from "../registry-ports.ts";

export interface ClusterDirectoryOptions {
  readonly clusters: KeyedStore<Registration>;
  readonly log: Logger;
}

/** Every registration, in memory, as the store says: what this replica wrote and what others did. */
export class ClusterDirectory implements Service {
  readonly name = "cluster-directory";
  readonly #options: ClusterDirectoryOptions;
  readonly #byId = new Map<string, Registration>();
  readonly #listeners = new Set<(clusterId: string) => void>();

  constructor(options: ClusterDirectoryOptions) {
    this.#options = options;
  }

  /** Reads all of them. To be called once, before anything asks. */
  async hydrate(signal: AbortSignal): Promise<void> {
    for (const [id, { value }] of await this.#options.clusters.list(signal)) this.#byId.set(id, value);
  }

  /** Follows the store until stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const { clusters, log } = this.#options;
    const backoff = new Backoff({ firstMs: 200, longestMs: 10_000 });
    const follow = async () => {
      for await (const { key, value } of clusters.watch(signal)) {
        backoff.reset();
        this.#set(key, value);
      }
      if (!signal.aborted) throw new Error("the watch ended");
    };
    await retryUntilDone(follow, { signal, log, what: "follow registrations", backoff });
  }

  get(clusterId: string): Registration | undefined {
    return this.#byId.get(clusterId);
  }

  /** In no order. */
  all(): IterableIterator<Registration> {
    return this.#byId.values();
  }

  /** What the resolver works with: clusters whose key is accepted. */
  active(): readonly Registration[] {
    return [...this.#byId.values()].filter((registration) => registration.state === "active");
  }

  /** Told after every change; returns what ends it. */
  onChange(listener: (clusterId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(clusterId: string, registration: Registration | undefined): void {
    const known = this.#byId.get(clusterId);
    if (canonicalJson(known) === canonicalJson(registration)) return;
    if (registration === undefined) this.#byId.delete(clusterId);
    else this.#byId.set(clusterId, registration);
    for (const listener of this.#listeners) listener(clusterId);
  }
}
