import type { Problem } from "@axle/core/fleet/problem.ts";
import type { CommitRecord, FleetRecord } from "../ports.ts";

/** Commits whose times the fleet's record keeps. */
const COMMITS_KEPT = 50;

/** What a turn found out. */
export interface TurnResult {
  readonly head: string;
  readonly accepted: string;
  readonly problems: readonly Problem[];
  /** Of the fleet, when a commit could be read. */
  readonly name: string | undefined;
  readonly commit: CommitRecord;
  readonly nowMs: number;
}

/** The fleet's record after a turn. A fleet without one starts an epoch that is above any an earlier store of it had. */
export function nextFleetRecord(before: FleetRecord | undefined, turn: TurnResult): FleetRecord {
  return {
    ...(before?.allowedRewrite === undefined ? {} : { allowedRewrite: before.allowedRewrite }),
    name: turn.name ?? before?.name ?? "",
    head: turn.head,
    accepted: turn.accepted,
    problems: turn.problems,
    epoch: before?.epoch ?? firstEpoch(turn.nowMs),
    commits: withCommit(before?.commits ?? [], turn.commit),
  };
}

/** Seconds since 1970: above the epochs of a store that was lost, as far as clocks can be believed; agents' hellos do the rest. */
export function firstEpoch(nowMs: number): number {
  return Math.floor(nowMs / 1000);
}

/** A commit keeps the times of its first turn; later turns (a cluster that joined) add their slices. */
function withCommit(commits: readonly CommitRecord[], turn: CommitRecord): readonly CommitRecord[] {
  const known = commits.find((commit) => commit.commit === turn.commit);
  if (known === undefined) return [turn, ...commits].slice(0, COMMITS_KEPT);
  const merged = { ...known, slices: { ...turn.slices, ...known.slices } };
  return commits.map((commit) => (commit === known ? merged : commit));
}
