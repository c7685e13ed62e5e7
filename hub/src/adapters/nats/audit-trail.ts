import type { AuditEntry } from "../../ports.ts";
import type { HubConnection } from "./hub-connection.ts";
import { publishMessage } from "./publish.ts";
import { timeOrderedIds } from "./time-ordered-id.ts";

/** Append-only record of what is done outside the leader's batches. Resolves when an entry is durable. */
export class AuditTrail {
  readonly #connection: HubConnection;
  readonly #nextId = timeOrderedIds();

  constructor(connection: HubConnection) {
    this.#connection = connection;
  }

  /** Throws StoreError when the entry is not known to be stored. */
  async record(entry: AuditEntry, signal: AbortSignal): Promise<void> {
    const subject = `axle.trail.${this.#nextId()}`;
    await publishMessage(this.#connection, { subject, payload: JSON.stringify(entry) }, { signal });
  }
}
