import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { FleetReader } from "./api/ports.ts";
import type { Wake } from "./cycle/wake.ts";
import type { ClusterDirectory } from "./sessions/cluster-directory.ts";
import type { FleetView } from "./sessions/fleet-view.ts";

export interface PokerOptions {
  readonly wake: Wake;
  readonly pollMs: number;
  readonly directory: Pick<ClusterDirectory, "onChange">;
  readonly view: Pick<FleetView, "onChange" | "statusOf">;
  readonly reader: Pick<FleetReader, "apps" | "approvals" | "expected">;
  readonly now?: () => number;
}

/** Wakes the loop: at the polling interval, when registrations change, when a report may settle something. */
export class Poker implements Service {
  readonly name = "poker";
  readonly #options: PokerOptions;
  readonly #now: () => number;

  constructor(options: PokerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { wake, pollMs, directory, view } = this.#options;
    const ends = [
      directory.onChange(() => wake.poke("clusters", this.#now())),
      view.onChange((clusterId) => {
        if (this.#concernsLoop(clusterId)) wake.poke("status", this.#now());
      }),
    ];
    try {
      while (!signal.aborted) {
        await sleep(pollMs, signal).catch(() => undefined);
        if (!signal.aborted) wake.poke("poll", this.#now());
      }
    } finally {
      for (const end of ends) end();
    }
  }

  /** Most reports change nothing the loop decides from; waking it for each would resolve the fleet at every heartbeat. */
  #concernsLoop(clusterId: string): boolean {
    const { reader, view } = this.#options;
    const { accepted } = view.statusOf(clusterId);
    const expected = reader.expected(clusterId);
    if (accepted !== undefined && (expected === undefined || compareNumbers(accepted, expected) > 0)) return true;
    if (reader.approvals(clusterId).length > 0) return true;
    return [...reader.apps().values()].some((record) => record.deletionHolds[clusterId] !== undefined);
  }
}
