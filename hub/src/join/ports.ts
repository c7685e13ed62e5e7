import type { NatsAccess } from "@axle/core/session/messages.ts";
import type { AuditEntry } from "../ports.ts";

/** Mints an agent's short-lived access to NATS: its own slice, its bell, packs (S6). Implemented by adapters/nats. */
export interface NatsAccessIssuer {
  issue(clusterId: string, signal: AbortSignal): Promise<NatsAccess>;
}

/** Append-only record of who did what. Rejects when the entry is not stored. Implemented by adapters/nats. */
export interface AuditLog {
  record(entry: AuditEntry, signal: AbortSignal): Promise<void>;
}
