import { canonicalJson } from "../manifest/canonical-json.ts";
import type { Substitutions } from "../slice/slice.ts";
import type { AppRecord, PackHandle, RecordTarget } from "./app-record.ts";
import type { Candidate } from "./effective-fleet.ts";
import type { Target } from "./variant.ts";

/** How many revisions a record remembers. */
const HISTORY_LIMIT = 20;

export interface RecordContext {
  readonly commit: string;
  /** The commit that brings what stands in a folder, where that is another one: of another branch, say. */
  readonly commitOf?: ((path: string) => string | undefined) | undefined;
  readonly atMs: number;
  readonly previous: AppRecord | undefined;
  readonly deletionHolds: Readonly<Record<string, string>>;
}

/**
 * The record of an app that moves. The revision grows when its settings, the packs it needs or what a cluster gets of it
 * change; a cluster that joins and gets a pack there is already, or one that leaves, changes nothing for the others.
 */
export function recordOfCandidate(candidate: Candidate, context: RecordContext): AppRecord {
  const { app, targets } = candidate.resolved;
  const { previous, deletionHolds } = context;
  const packs = packsOf(candidate);
  const indexes = new Map(packs.map(({ digest }, index) => [digest, index]));
  const digestOf = ({ variant }: Target): string => candidate.packs.get(variant)?.pack.digest ?? "";
  const known = new Set(previous?.packs.map(({ digest }) => digest));
  const sameSettings = previous !== undefined && canonicalJson(previous.settings) === canonicalJson(app.settings);
  const namespaceOf = ({ variant }: Target): string | undefined => candidate.resolved.variants.get(variant)?.namespace;
  const isUnchanged = (cluster: string, target: Target): boolean => {
    const before = previous?.targets[cluster];
    return (
      before !== undefined &&
      sameSettings &&
      previous?.packs[before.pack]?.digest === digestOf(target) &&
      (before.namespace ?? previous.settings.namespace) === namespaceOf(target) &&
      equalSubstitutions(before.substitutions, target.substitutions)
    );
  };
  const moves =
    previous === undefined ||
    previous.revision === 0 ||
    !sameSettings ||
    packs.some(({ digest }) => !known.has(digest)) ||
    [...targets].some(([cluster, target]) => previous.targets[cluster] !== undefined && !isUnchanged(cluster, target));
  const revision = moves ? (previous?.revision ?? 0) + 1 : previous.revision;
  const commitOf = ({ variant }: Target): string =>
    context.commitOf?.(candidate.resolved.variants.get(variant)?.path ?? "") ?? context.commit;
  const changed = [...targets].filter(([cluster, target]) => !isUnchanged(cluster, target));
  const [only, ...others] = new Set(changed.map(([, target]) => commitOf(target)));
  const moved = only !== undefined && others.length === 0 ? only : context.commit;
  const commit = moves ? moved : previous.commit;
  const share = shareTargets();
  const recordTargets = [...targets].map(([cluster, target]): [string, RecordTarget] => {
    const before = isUnchanged(cluster, target) ? previous?.targets[cluster] : undefined;
    const since = {
      revision: before === undefined ? revision : (before.revision ?? previous?.revision ?? revision),
      commit:
        before === undefined ? (moves ? commitOf(target) : commit) : (before.commit ?? previous?.commit ?? commit),
    };
    const namespace = namespaceOf(target);
    const make = (): RecordTarget => ({
      pack: indexes.get(digestOf(target)) ?? 0,
      substitutions: target.substitutions,
      ...(namespace !== undefined && { namespace }),
      ...since,
    });
    return [cluster, share(target, `${since.revision} ${since.commit}`, make)];
  });
  const history = previous?.history ?? [];
  return {
    app: app.name,
    revision,
    commit,
    settings: app.settings,
    declaredAt: app.declaredAt,
    packs,
    targets: Object.fromEntries(recordTargets.sort(([a], [b]) => (a < b ? -1 : 1))),
    deletionHolds,
    history: moves ? [{ revision, commit, atMs: context.atMs }, ...history].slice(0, HISTORY_LIMIT) : history,
  };
}

/** Clusters that share a target and got it at the same revision share what is recorded of it. */
function shareTargets(): (target: Target, since: string, make: () => RecordTarget) => RecordTarget {
  const made = new Map<Target, Map<string, RecordTarget>>();
  return (target, since, make) => {
    const alike = made.get(target) ?? new Map<string, RecordTarget>();
    made.set(target, alike);
    const known = alike.get(since) ?? make();
    alike.set(since, known);
    return known;
  };
}

/** Sorted by digest: which variant needs a pack does not matter. */
function packsOf({ resolved, packs }: Candidate): readonly PackHandle[] {
  const used = new Set([...resolved.targets.values()].map(({ variant }) => variant));
  const byDigest = new Map(
    [...used].flatMap((variant) => packs.get(variant)?.pack ?? []).map((pack) => [pack.digest, pack]),
  );
  return [...byDigest.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** Whether a record needs to be written again. Compares members one by one: records of large fleets are large. */
export function equalRecords(a: AppRecord, b: AppRecord): boolean {
  const { targets: aTargets, ...aRest } = a;
  const { targets: bTargets, ...bRest } = b;
  const clusters = Object.keys(aTargets);
  return (
    clusters.length === Object.keys(bTargets).length &&
    clusters.every((cluster) => equalTargets(aTargets[cluster], bTargets[cluster])) &&
    canonicalJson(aRest) === canonicalJson(bRest)
  );
}

function equalTargets(a: RecordTarget | undefined, b: RecordTarget | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.pack === b.pack &&
    a.revision === b.revision &&
    a.commit === b.commit &&
    a.namespace === b.namespace &&
    equalSubstitutions(a.substitutions, b.substitutions)
  );
}

function equalSubstitutions(a: Substitutions, b: Substitutions): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
