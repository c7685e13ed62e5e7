import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { retainAudit } from "./audit-retention.ts";
import type { AuditLimits } from "./audit-retention.ts";
import type { HubConnection } from "./hub-connection.ts";

export interface AuditKeeperOptions {
  readonly connection: HubConnection;
  readonly limits: AuditLimits;
  readonly log: Logger;
  readonly everyMs?: number;
}

/** Keeps the record of who did what within its limits, at the start and then from time to time. */
export class AuditKeeper implements Service {
  readonly name = "audit-keeper";
  readonly #options: AuditKeeperOptions;

  constructor(options: AuditKeeperOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { connection, limits, log, everyMs = 3_600_000 } = this.#options;
    while (!signal.aborted) {
      try {
        const { removed } = await retainAudit(connection, { limits, nowMs: Date.now() }, signal);
        if (removed > 0) log.info({ entries: removed }, "old audit entries were removed");
      } catch (error) {
        if (!signal.aborted) log.warn({ error }, "audit entries could not be removed, trying again later");
      }
      await sleep(everyMs, signal).catch(() => undefined);
    }
  }
}
