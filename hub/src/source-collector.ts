import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { HubState } from "./cycle/hub-state.ts";
import type { StoredSourcePins } from "./cycle/stored-source-pins.ts";
import type { SourceCollection } from "./source-ports.ts";
import type { SourceDesk } from "./sources/source-desk.ts";

/** For how long what nobody uses is kept. */
export interface SourceRetention {
  /** Files of charts, other repositories, submodules and large files. */
  readonly keepMs: number;
  /** Digests that sources were first seen with. */
  readonly rememberMs: number;
}

export interface SourceCollectorOptions extends SourceRetention {
  readonly repository: SourceCollection;
  readonly sources: Pick<SourceDesk, "inUse" | "forget">;
  readonly pins: Pick<StoredSourcePins, "collect">;
  readonly state: Pick<HubState, "fleet">;
  readonly log: Logger;
  readonly everyMs?: number;
}

/**
 * Gives back the disk and the memory of sources that the commit in force has not named for long. Nothing goes while another
 * commit than that is read: only from it is it known what is in use.
 */
export class SourceCollector implements Service {
  readonly name = "source-collector";
  readonly #options: SourceCollectorOptions;

  constructor(options: SourceCollectorOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, everyMs = 3_600_000 } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(everyMs, signal);
        await this.collect(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error }, "sources nobody uses could not be removed, trying again later");
      }
    }
  }

  /** One round. */
  async collect(signal: AbortSignal): Promise<void> {
    const { repository, sources, pins, state, log, keepMs, rememberMs } = this.#options;
    const { fleet } = state;
    const inUse = fleet === undefined ? undefined : sources.inUse(fleet.accepted);
    if (fleet === undefined || inUse === undefined) return;
    const refs = Object.values(fleet.refs ?? {}).flatMap((ref) => [ref.head, ref.accepted, ref.allowedRewrite]);
    const named = new Set([...refs, fleet.allowedRewrite, ...inUse.trees]);
    const others = [...named].filter((id): id is string => id !== undefined && id !== "");
    const inForce = { commit: fleet.accepted, others };
    const dropped = await repository.collect(inForce, keepMs, signal);
    if (dropped > 0) sources.forget();
    const forgotten = await pins.collect(inUse.keys, rememberMs, signal);
    if (dropped + forgotten > 0) log.info({ dropped, forgotten }, "sources nobody uses were removed");
  }
}
