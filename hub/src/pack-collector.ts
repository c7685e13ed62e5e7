import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { HubState } from "./cycle/hub-state.ts";

export interface PackCollectorOptions {
  readonly store: { collectPacks(liveDigests: ReadonlySet<string>, signal: AbortSignal): Promise<number> };
  readonly state: Pick<HubState, "apps">;
  readonly log: Logger;
  readonly everyMs?: number;
}

/** Removes packs no app uses any more, long after the last one did. */
export class PackCollector implements Service {
  readonly name = "pack-collector";
  readonly #options: PackCollectorOptions;

  constructor(options: PackCollectorOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, state, log, everyMs = 3_600_000 } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(everyMs, signal);
        const live = [...state.apps.values()].flatMap((record) => record.packs.map((pack) => pack.digest));
        const removed = await store.collectPacks(new Set(live), signal);
        if (removed > 0) log.info({ packs: removed }, "packs nobody uses were removed");
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error }, "packs could not be collected, trying again later");
      }
    }
  }
}
