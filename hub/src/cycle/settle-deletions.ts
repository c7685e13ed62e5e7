import type { AppRecord } from "@axle/core/placement/app-record.ts";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import type { SliceRecord } from "../ports.ts";
import type { ClusterStatus } from "../registry-ports.ts";

export interface DeletionState {
  readonly records: ReadonlyMap<string, AppRecord>;
  /** By cluster id, as are the others. */
  readonly approvals: ReadonlyMap<string, readonly DeletionApproval[]>;
  readonly slices: ReadonlyMap<string, SliceRecord>;
  readonly statuses: ReadonlyMap<string, ClusterStatus>;
  readonly nowMs: number;
}

export interface SettledDeletions {
  /** Holds that are over: the agent applied the slice that carries them, and the app is gone from the cluster. */
  readonly clearHolds: readonly { readonly cluster: string; readonly app: string }[];
  /** Ids of approvals that ended, by cluster: used up, or past their time. */
  readonly endedApprovals: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * What the agents' reports settle of the deletions that waited (S4). Only a report on the newest slice counts: an older
 * one may speak of a time before the hold or the approval was there (S9).
 */
export function settleDeletions(state: DeletionState): SettledDeletions {
  const clearHolds = [...state.records.values()].flatMap((record) =>
    Object.keys(record.deletionHolds)
      .filter((cluster) => isCurrent(state, cluster) && state.statuses.get(cluster)?.apps[record.app] === undefined)
      .map((cluster) => ({ cluster, app: record.app })),
  );
  const endedApprovals = new Map<string, ReadonlySet<string>>();
  for (const [cluster, given] of state.approvals) {
    const ended = given.filter((approval) => approval.expiresAtMs <= state.nowMs || isUsedUp(state, cluster, approval));
    if (ended.length > 0) endedApprovals.set(cluster, new Set(ended.map((approval) => approval.id)));
  }
  return { clearHolds, endedApprovals };
}

/** What remains of the approvals as they stand now, some of which may have been given since. */
export function remainingApprovals(
  given: ReadonlyMap<string, readonly DeletionApproval[]>,
  ended: SettledDeletions["endedApprovals"],
): ReadonlyMap<string, readonly DeletionApproval[]> {
  return new Map(
    [...ended].map(([cluster, ids]) => [cluster, (given.get(cluster) ?? []).filter(({ id }) => !ids.has(id))]),
  );
}

/** The set it names no longer waits, and none of it is still being deleted. */
function isUsedUp(state: DeletionState, cluster: string, approval: DeletionApproval): boolean {
  if (!isCurrent(state, cluster)) return false;
  const report = state.statuses.get(cluster)?.apps[approval.app];
  return report === undefined || (report.pendingDeletion?.hash !== approval.hash && report.pruning.length === 0);
}

/** The cluster's last report speaks of the newest slice. */
function isCurrent(state: DeletionState, cluster: string): boolean {
  const applied = state.statuses.get(cluster)?.applied;
  const slice = state.slices.get(cluster);
  return applied !== undefined && slice !== undefined && compareNumbers(applied, slice.number) >= 0;
}
