import { describeSource, requestAt } from "@axle/core/fleet/source-request.ts";
import type { Resolution } from "@axle/core/placement/resolution.ts";
import type { FleetRecord, PublishedSlices, RefRecord } from "../ports.ts";
import type { Choice } from "./commit-chooser.ts";
import type { ReadCommit } from "./commit-reader.ts";
import type { CycleOutcome } from "./fleet-cycle.ts";
import type { TurnResult } from "./fleet-record.ts";

/** A commit of another branch or tag that came into force this turn. */
export interface RefCommit {
  readonly commit: string;
  readonly subject: string;
  /** In words: `branch staging`. */
  readonly ref: string;
  /** Slices that were written because of it. */
  readonly slices: PublishedSlices;
}

export interface RefTurn {
  /** What the fleet's record is to say of refs. */
  readonly refs: Readonly<Record<string, RefRecord>>;
  readonly commits: readonly RefCommit[];
  /** The slices that are left for the commit of the followed branch. */
  readonly slices: PublishedSlices;
}

interface TurnParts {
  readonly read: Pick<ReadCommit, "snapshot" | "refs">;
  readonly fleet: FleetRecord | undefined;
  readonly resolution: Pick<Resolution, "apps"> | undefined;
  readonly published: PublishedSlices;
}

/** Which commits of other branches this turn brought into force, and which of its slices are whose. */
export function readRefTurn({ read, fleet, resolution, published }: TurnParts): RefTurn {
  const used = [...read.refs.values()].sort((a, b) => (a.ref < b.ref ? -1 : 1));
  const refs = Object.fromEntries(
    used.map(({ ref, head, accepted }) => {
      const allowed = fleet?.refs?.[ref]?.allowedRewrite;
      const isOpen = allowed !== undefined && allowed === head && head !== accepted;
      return [ref, isOpen ? { head, accepted, allowedRewrite: allowed } : { head, accepted }];
    }),
  );
  const fresh = used.filter(({ ref, accepted }) => fleet?.refs?.[ref]?.accepted !== accepted);
  const isMainNew = read.snapshot.commit !== fleet?.accepted;
  if (fresh.length === 0) return { refs, commits: [], slices: published };
  const reached = clustersByRef(resolution);
  const left = new Map(Object.entries(published));
  const commits = fresh.map(({ ref, accepted, subject }, index): RefCommit => {
    const clusters = reached.get(ref) ?? new Set();
    const own = Object.entries(published).filter(([cluster]) => clusters.has(cluster));
    for (const [cluster] of own) if (!isMainNew) left.delete(cluster);
    const isLast = index === fresh.length - 1;
    // What a branch takes away shows in no target any more.
    const rest = isLast && !isMainNew ? [...left] : [];
    if (rest.length > 0) left.clear();
    const slices = Object.fromEntries([...own, ...rest]);
    return { commit: accepted, subject, ref: describeSource({ type: "ref", ref }), slices };
  });
  return { refs, commits, slices: Object.fromEntries(left) };
}

/** What the fleet's record is to say of a turn's refs and slices. */
export function turnOfRefs(turn: {
  readonly choice: Pick<Choice, "read" | "blocked">;
  readonly outcome: Pick<CycleOutcome, "resolution" | "published"> | undefined;
  readonly fleet: FleetRecord | undefined;
}): Pick<TurnResult, "refs" | "refCommits" | "slices"> {
  const { choice, outcome, fleet } = turn;
  const { read, blocked } = choice;
  if (read === undefined) {
    return { refs: blocked === undefined ? undefined : noteHeads(fleet?.refs ?? {}, blocked), slices: {} };
  }
  const published = outcome?.published ?? {};
  const { refs, commits, slices } = readRefTurn({ read, fleet, resolution: outcome?.resolution, published });
  return { refs, refCommits: commits, slices };
}

/** Where nothing is planned, only the newest commits that were seen are noted, so that a person can say yes to them. */
function noteHeads(refs: Readonly<Record<string, RefRecord>>, read: Pick<ReadCommit, "refs">): RefTurn["refs"] {
  const noted = Object.entries(refs).map(([ref, record]): [string, RefRecord] => {
    const head = read.refs.get(ref)?.head;
    return [ref, head === undefined ? record : { ...record, head }];
  });
  return Object.fromEntries(noted);
}

/** Ids of the clusters that get something of a ref. */
function clustersByRef(resolution: Pick<Resolution, "apps"> | undefined): ReadonlyMap<string, Set<string>> {
  const clusters = new Map<string, Set<string>>();
  for (const { variants, targets } of resolution?.apps.values() ?? []) {
    const refs = new Map(
      [...variants].flatMap(([key, { path }]) => {
        const request = requestAt(path)?.request;
        return request?.type === "ref" ? [[key, request.ref] as const] : [];
      }),
    );
    if (refs.size === 0) continue;
    for (const [cluster, { variant }] of targets) {
      const ref = refs.get(variant);
      if (ref === undefined) continue;
      const known = clusters.get(ref) ?? new Set();
      clusters.set(ref, known.add(cluster));
    }
  }
  return clusters;
}
