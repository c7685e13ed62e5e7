/** One start of an agent, as far as it gave signs of life: it said hello or was heard. */
export interface AgentSign {
  /** Its instance, or what stands for it. */
  readonly agent: string;
  /** Address it came from last. */
  readonly from: string;
  /** Since when it has been answering without a longer silence. */
  readonly sinceMs: number;
  readonly lastMs: number;
}

export const TWIN_TIMES = {
  /** Two agents with one key are two when both have been answering for so long. A restart is over within the lease in the cluster. */
  overlapMs: 60_000,
  /** A silence that is longer breaks off: who was away and comes back begins anew. Longer than the pauses between tries to connect. */
  silenceMs: 50_000,
} as const;

/** More instances than this are never told apart for one cluster: the least recently heard go. */
const MOST_AGENTS = 8;

/** Takes in a sign of life of one cluster's agents. */
export function noteSign(
  signs: readonly AgentSign[],
  { agent, from }: { readonly agent: string; readonly from: string },
  nowMs: number,
): readonly AgentSign[] {
  const before = signs.find((sign) => sign.agent === agent);
  const isNew = before === undefined || nowMs - before.lastMs > TWIN_TIMES.silenceMs;
  const sign: AgentSign = { agent, from, sinceMs: isNew ? nowMs : before.sinceMs, lastMs: nowMs };
  const others = signs.filter((one) => one.agent !== agent && nowMs - one.lastMs <= TWIN_TIMES.silenceMs);
  return [sign, ...others].slice(0, MOST_AGENTS);
}

/**
 * Two agents that both keep answering with one key: their lives overlap by more than a restart takes. One that hung and wakes
 * is none, for it loses its lease and stops; nor is a half-open connection that goes on standing, for nothing comes over it.
 */
export function findTwins(signs: readonly AgentSign[]): readonly [AgentSign, AgentSign] | undefined {
  for (const [index, a] of signs.entries()) {
    for (const b of signs.slice(index + 1)) {
      const overlapMs = Math.min(a.lastMs, b.lastMs) - Math.max(a.sinceMs, b.sinceMs);
      if (overlapMs >= TWIN_TIMES.overlapMs) return [a, b];
    }
  }
  return undefined;
}
