import type { NatsAccess } from "@axle/core/session/messages.ts";
import type { AuditEntry } from "../ports.ts";
import type { Registration } from "../registry-ports.ts";

/** Mints an agent's short-lived access to NATS: its own slice, its bell, packs (S6). Implemented by adapters/nats. */
export interface NatsAccessIssuer {
  issue(cluster: Pick<Registration, "id" | "credentialsVoidMs">, signal: AbortSignal): Promise<NatsAccess>;
}

/** Makes access to NATS count no more. Implemented by adapters/nats. */
export interface AccessRevoker {
  /**
   * By cluster id, until when what was issued is void (milliseconds since 1970). Connections are cut when it resolves, and
   * stay so when servers restart. Idempotent, cheap when nothing is new. Rejects when servers do not take it.
   */
  revoke(voidMs: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void>;
}

/** Append-only record of who did what. Rejects when the entry is not stored. Implemented by adapters/nats. */
export interface AuditLog {
  record(entry: AuditEntry, signal: AbortSignal): Promise<void>;
}
