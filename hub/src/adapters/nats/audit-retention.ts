import type { HubConnection } from "./hub-connection.ts";
import { STATE_STREAM } from "./subjects.ts";

/** How much of who did what is kept. */
export interface AuditLimits {
  readonly maxAgeMs: number;
  /** Of each of the two records: the leader's own, and the rest. */
  readonly maxBytes: number;
}

const FILTER = "axle.audit.*";
/** What an entry counts as: more than they take, as a rule. */
const ENTRY_BYTES = 1_024;

/**
 * Removes the leader's audit entries that are too old or too many, oldest first. They are in the stream of its state,
 * whose other messages must stay, so the stream's own limits cannot do it. Throws StoreError.
 */
export async function retainAudit(
  connection: HubConnection,
  { limits, nowMs }: { readonly limits: AuditLimits; readonly nowMs: number },
  signal: AbortSignal,
): Promise<{ readonly removed: number }> {
  const oldest = await findFirstSince(connection, nowMs - limits.maxAgeMs, signal);
  const purge = (what: { seq: number } | { keep: number }) => {
    const ask = () => connection.jsm.streams.purge(STATE_STREAM, { filter: FILTER, ...what });
    return connection.ask(ask, { what: "removing audit entries", signal });
  };
  const byAge = await purge({ seq: oldest });
  const byCount = await purge({ keep: Math.max(1, Math.floor(limits.maxBytes / ENTRY_BYTES)) });
  return { removed: byAge.purged + byCount.purged };
}

/** Sequence from which on no entry is older than that; found by halving, for entries stand in the order of time. */
async function findFirstSince(connection: HubConnection, sinceMs: number, signal: AbortSignal): Promise<number> {
  const info = () => connection.jsm.streams.info(STATE_STREAM);
  const { state } = await connection.ask(info, { what: "looking for old audit entries", signal });
  let [low, high] = [state.first_seq, state.last_seq + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next = () => connection.jsm.direct.getMessage(STATE_STREAM, { seq: middle, next_by_subj: FILTER });
    const found = await connection.ask(next, { what: "looking for old audit entries", signal });
    if (found === null || found.time.getTime() >= sinceMs) high = middle;
    else low = found.seq + 1;
  }
  return low;
}
