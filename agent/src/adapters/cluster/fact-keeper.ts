import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";

export interface FactKeeperOptions {
  readonly first: ClusterFacts;
  readonly read: (before: ClusterFacts, signal: AbortSignal) => Promise<ClusterFacts>;
  readonly log: Logger;
}

/** The cluster's facts, as they were looked up last; they hold while they cannot be. */
export class FactKeeper {
  readonly #options: FactKeeperOptions;
  readonly #saying: SayOnce;
  #facts: ClusterFacts;

  constructor(options: FactKeeperOptions) {
    this.#options = options;
    this.#saying = new SayOnce(options.log);
    this.#facts = options.first;
  }

  get facts(): ClusterFacts {
    return this.#facts;
  }

  /** Looks them up. Goes with the full comparison, so that an idle agent has one beat and no other. */
  async refresh(signal: AbortSignal): Promise<void> {
    try {
      this.#facts = await this.#options.read(this.#facts, signal);
      this.#saying.recovered("facts can be read again");
    } catch (error) {
      signal.throwIfAborted();
      this.#saying.failed(error, "facts of the cluster cannot be read");
    }
  }
}
