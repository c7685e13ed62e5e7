import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { CommitRecord, FleetRecord, PublishedSlices, SliceRecord, StoreEntry } from "../ports.ts";
import type { RefCommit, RefTurn } from "./ref-commits.ts";
import { storableProblems } from "./storable-problems.ts";

/** Commits whose times the fleet's record keeps. */
const COMMITS_KEPT = 50;
/** Clusters whose slice is remembered per commit: a record of times must never be too large to be stored. */
const CLUSTERS_KEPT = 10_000;
/** Of the first line of a commit's message, which has no limit in Git. */
const SUBJECT_CHARACTERS = 500;

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
  /** Of other branches and tags; undefined when no commit could be read: they stay as they are. */
  readonly refs?: RefTurn["refs"] | undefined;
  /** Commits of theirs that came into force. */
  readonly refCommits?: readonly RefCommit[];
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
  const refs = turn.refs ?? fleet?.refs ?? {};
  const problems = storableProblems(turn.problems);
  const isSame =
    fleet !== undefined &&
    canonicalJson(fleet.refs ?? {}) === canonicalJson(refs) &&
    fleet.head === turn.head.commit &&
    fleet.accepted === turn.accepted &&
    fleet.name === (turn.name ?? fleet.name) &&
    sameProblems(fleet.problems, problems);
  const slices = Object.keys(turn.slices).length;
  if (isSame && slices === 0) return [];

  const commits = withRefs(withHead(fleet?.commits ?? [], turn), turn);
  const kept = new Set(commits.map(({ commit }) => commit));
  const record: FleetRecord = {
    ...(fleet?.allowedRewrite === undefined ? {} : { allowedRewrite: fleet.allowedRewrite }),
    name: turn.name ?? fleet?.name ?? "",
    head: turn.head.commit,
    accepted: turn.accepted,
    problems,
    epoch: epochOf(before, turn.nowMs),
    commits,
    ...(Object.keys(refs).length > 0 && { refs }),
  };
  const gone = [...before.published.keys()].filter((commit) => !kept.has(commit));
  return [
    { type: "fleet", record },
    ...(slices > 0 && kept.has(turn.accepted) ? [publishedEntry(before, turn.accepted, turn.slices)] : []),
    ...(turn.refCommits ?? [])
      .filter(({ commit, slices: own }) => kept.has(commit) && Object.keys(own).length > 0)
      .map(({ commit, slices: own }) => publishedEntry(before, commit, own)),
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
  return [{ commit: head.commit, subject: shortSubject(head.subject), steps }, ...commits].slice(0, COMMITS_KEPT);
}

function withRefs(commits: readonly CommitRecord[], { refCommits = [], steps }: TurnResult): readonly CommitRecord[] {
  const known = new Set(commits.map(({ commit }) => commit));
  const fresh = refCommits
    .filter(({ commit }) => !known.has(commit))
    .map(({ commit, subject, ref }) => ({ commit, subject: shortSubject(subject), ref, steps }));
  return [...fresh, ...commits].slice(0, COMMITS_KEPT);
}

function shortSubject(subject: string): string {
  return subject.slice(0, SUBJECT_CHARACTERS);
}

/** Later turns (a cluster that joined) add their slices to those of the first. */
function publishedEntry({ published }: FleetHistory, commit: string, slices: PublishedSlices): StoreEntry {
  const all = Object.entries({ ...slices, ...published.get(commit) });
  return { type: "published", commit, slices: Object.fromEntries(all.slice(0, CLUSTERS_KEPT)) };
}
