import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { CommitRecord, FleetRecord, PublishedSlices, SliceRecord, StoreEntry } from "../ports.ts";

/** Commits whose times the fleet's record keeps. */
const COMMITS_KEPT = 50;
/** Clusters whose slice is remembered per commit: a record of times must never be too large to be stored. */
const CLUSTERS_KEPT = 10_000;

/** What a turn found out. */
export interface TurnResult {
  readonly head: { readonly commit: string; readonly subject: string };
  readonly accepted: string;
  readonly problems: readonly Problem[];
  /** Of the fleet, when a commit could be read. */
  readonly name: string | undefined;
  readonly steps: CommitRecord["steps"];
  /** Slices written this turn; they are of the accepted commit, whatever the head is. */
  readonly slices: PublishedSlices;
  readonly nowMs: number;
}

/** What stands in the store of it. */
export interface FleetHistory {
  readonly fleet: FleetRecord | undefined;
  readonly published: ReadonlyMap<string, PublishedSlices>;
  readonly slices: ReadonlyMap<string, SliceRecord>;
}

/**
 * What has to be written of a turn: the fleet's record, and what its commits published, a message of its own per commit
 * (all in one would be megabytes at a thousand clusters, written with every commit). Empty when nothing is new.
 */
export function fleetEntries(before: FleetHistory, turn: TurnResult): readonly StoreEntry[] {
  const { fleet } = before;
  const isSame =
    fleet !== undefined &&
    fleet.head === turn.head.commit &&
    fleet.accepted === turn.accepted &&
    fleet.name === (turn.name ?? fleet.name) &&
    sameProblems(fleet.problems, turn.problems);
  const slices = Object.keys(turn.slices).length;
  if (isSame && slices === 0) return [];

  const commits = withHead(fleet?.commits ?? [], turn);
  const kept = new Set(commits.map(({ commit }) => commit));
  const record: FleetRecord = {
    ...(fleet?.allowedRewrite === undefined ? {} : { allowedRewrite: fleet.allowedRewrite }),
    name: turn.name ?? fleet?.name ?? "",
    head: turn.head.commit,
    accepted: turn.accepted,
    problems: turn.problems,
    epoch: epochOf(before, turn.nowMs),
    commits,
  };
  const gone = [...before.published.keys()].filter((commit) => !kept.has(commit));
  return [
    { type: "fleet", record },
    ...(slices > 0 && kept.has(turn.accepted) ? [publishedEntry(before, turn)] : []),
    ...gone.map((commit): StoreEntry => ({ type: "published-gone", commit })),
  ];
}

/** Whatever the order of the fields. */
export function sameProblems(a: readonly Problem[], b: readonly Problem[]): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/**
 * The epoch slices are numbered in. A fleet's first is in seconds since 1970: above the epochs of a store that was lost,
 * as far as clocks can be believed; agents' hellos do the rest. Slices are written before the fleet's record, so where
 * there is no record yet the epoch is theirs.
 */
export function epochOf({ fleet, slices }: Pick<FleetHistory, "fleet" | "slices">, nowMs: number): number {
  if (fleet !== undefined) return fleet.epoch;
  const epochs = [...slices.values()].map(({ number }) => number.epoch);
  return epochs.length === 0 ? Math.floor(nowMs / 1000) : Math.max(...epochs);
}

/** A commit keeps the times of its first turn. */
function withHead(commits: readonly CommitRecord[], { head, steps }: TurnResult): readonly CommitRecord[] {
  if (commits.some(({ commit }) => commit === head.commit)) return commits;
  return [{ commit: head.commit, subject: head.subject, steps }, ...commits].slice(0, COMMITS_KEPT);
}

/** Later turns (a cluster that joined) add their slices to those of the first. */
function publishedEntry({ published }: FleetHistory, { accepted, slices }: TurnResult): StoreEntry {
  const all = Object.entries({ ...slices, ...published.get(accepted) });
  return { type: "published", commit: accepted, slices: Object.fromEntries(all.slice(0, CLUSTERS_KEPT)) };
}
