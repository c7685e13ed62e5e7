import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";

export interface FactKeeperOptions {
  readonly first: ClusterFacts;
  readonly read: (signal: AbortSignal) => Promise<ClusterFacts>;
  readonly everyMs: number;
  readonly log: Logger;
}

/** The cluster's facts, looked up from time to time; the last ones hold while they cannot be. */
export class FactKeeper implements Service {
  readonly name = "facts";
  readonly #options: FactKeeperOptions;
  #facts: ClusterFacts;

  constructor(options: FactKeeperOptions) {
    this.#options = options;
    this.#facts = options.first;
  }

  get facts(): ClusterFacts {
    return this.#facts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { read, everyMs, log } = this.#options;
    const saying = new SayOnce(log);
    while (true) {
      await sleep(everyMs, signal);
      try {
        this.#facts = await read(signal);
        saying.recovered("facts can be read again");
      } catch (error) {
        if (signal.aborted) return;
        saying.failed(error, "facts of the cluster cannot be read");
      }
    }
  }
}
