import type { ObjectId } from "../manifest/object.ts";
import type { AppRecord } from "./app-record.ts";
import type { EffectiveApp } from "./effective-fleet.ts";
import type { RenderedObject } from "./rendered-variant.ts";

/** More than this share of a cluster's apps, or of an app's clusters, waits for a person (S4). */
export const LARGE_SHARE = 0.3;

export interface LeavingInput {
  readonly previous: ReadonlyMap<string, AppRecord>;
  /** Every app as it will be. */
  readonly next: ReadonlyMap<string, EffectiveApp>;
  /** Ids of the clusters there are. */
  readonly clusters: ReadonlySet<string>;
  objectsOf(digest: string): readonly RenderedObject[] | undefined;
  /** Apps that stay on all their clusters for sure, by name: they need not be looked at cluster by cluster. */
  readonly staying: ReadonlySet<string>;
}

/** By app, the clusters it leaves whose deletion must wait, with the reason. */
export type NewHolds = ReadonlyMap<string, Readonly<Record<string, string>>>;

interface Leaving {
  readonly app: string;
  readonly cluster: string;
}

/**
 * The hub's side of S4: an app that leaves more than 30 % of its clusters, a cluster that loses more than 30 % of its apps.
 * An app all of whose objects another app of the cluster takes over (a rename) leaves nothing behind and does not count.
 */
export function holdDeletions(input: LeavingInput): NewHolds {
  const leaving = [...input.previous.values()].flatMap((record) =>
    input.staying.has(record.app) ? [] : leavingOf(record, input),
  );
  if (leaving.length === 0) return new Map();
  const { appsOf, clustersOf } = countTargets(input);
  const lossy = withoutHandedOver(leaving, input);
  const leftBy = countBy(lossy, ({ app }) => app);
  const lostBy = countBy(lossy, ({ cluster }) => cluster);
  const holds = new Map<string, Record<string, string>>();
  for (const { app, cluster } of lossy) {
    const left = { part: leftBy.get(app) ?? 0, whole: clustersOf.get(app) ?? 0 };
    const lost = { part: lostBy.get(cluster) ?? 0, whole: appsOf.get(cluster) ?? 0 };
    const reason = isLarge(left)
      ? `the app leaves ${left.part} of its ${left.whole} clusters`
      : isLarge(lost)
        ? `${lost.part} of the cluster's ${lost.whole} apps are removed`
        : undefined;
    if (reason === undefined) continue;
    holds.set(app, { ...holds.get(app), [cluster]: reason });
  }
  return holds;
}

function leavingOf(record: AppRecord, { next, clusters }: LeavingInput): readonly Leaving[] {
  const stays = new Set(next.get(record.app)?.placed.flatMap((placed) => placed.clusters));
  return Object.keys(record.targets)
    .filter((cluster) => clusters.has(cluster) && !stays.has(cluster))
    .map((cluster) => ({ app: record.app, cluster }));
}

function countTargets({ previous, clusters }: LeavingInput): {
  readonly appsOf: ReadonlyMap<string, number>;
  readonly clustersOf: ReadonlyMap<string, number>;
} {
  const appsOf = new Map<string, number>();
  const clustersOf = new Map<string, number>();
  for (const { app, targets } of previous.values()) {
    for (const cluster of Object.keys(targets)) {
      if (!clusters.has(cluster)) continue;
      count(appsOf, cluster);
      count(clustersOf, app);
    }
  }
  return { appsOf, clustersOf };
}

function isLarge({ part, whole }: { readonly part: number; readonly whole: number }): boolean {
  return part > whole * LARGE_SHARE;
}

function withoutHandedOver(leaving: readonly Leaving[], input: LeavingInput): readonly Leaving[] {
  if (leaving.length === 0) return [];
  const gained = objectsByCluster(input.next.values(), new Set(leaving.map(({ cluster }) => cluster)));
  return leaving.filter(({ app, cluster }) => {
    const record = input.previous.get(app);
    const target = record?.targets[cluster];
    const digest = target === undefined ? undefined : record?.packs[target.pack]?.digest;
    const objects = digest === undefined ? undefined : input.objectsOf(digest);
    return objects === undefined || objects.some(({ id }) => gained.get(cluster)?.has(id) !== true);
  });
}

function objectsByCluster(
  apps: Iterable<EffectiveApp>,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, ReadonlySet<ObjectId>> {
  const byCluster = new Map<string, Set<ObjectId>>([...wanted].map((cluster) => [cluster, new Set()]));
  for (const { placed } of apps) {
    for (const { objects, clusters } of placed) {
      for (const cluster of clusters) {
        const ids = byCluster.get(cluster);
        if (ids !== undefined) for (const { id } of objects ?? []) ids.add(id);
      }
    }
  }
  return byCluster;
}

function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) count(counts, keyOf(item));
  return counts;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
