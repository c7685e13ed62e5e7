import type { DeletionApproval } from "../slice/slice.ts";
import type { AppRecord } from "./app-record.ts";
import { finish } from "../steps.ts";
import type { Steps } from "../steps.ts";
import { orderApps } from "./order-apps.ts";
import { SliceMemo } from "./slice-memo.ts";
import type { SliceAppContent, SliceContent } from "./slice-content.ts";

export interface SlicePlanInput {
  /** Every record, the changed ones already in place. */
  readonly records: ReadonlyMap<string, AppRecord>;
  /** Ids of every cluster; each gets a slice, an empty one when no app is for it. */
  readonly clusters: readonly string[];
  /** By cluster id. */
  readonly approvals: ReadonlyMap<string, readonly DeletionApproval[]>;
  /** Of the plan before this one, where there was one. */
  readonly memo?: SliceMemo;
}

/** What each cluster should run, by cluster id. A record that changes nothing for a cluster changes nothing in its slice. */
export function planSlices(input: SlicePlanInput): ReadonlyMap<string, SliceContent> {
  return finish(planSlicesInSteps(input));
}

/** {@link planSlices}, record by record and then a few clusters at a time; a cluster nobody touched is not looked at. */
export function* planSlicesInSteps(input: SlicePlanInput): Steps<ReadonlyMap<string, SliceContent>> {
  const { records, clusters, approvals, memo = new SliceMemo() } = input;
  const touched = memo.begin({ records, approvals });
  const names = [...records.keys()].sort();
  for (const name of names) {
    const record = records.get(name);
    if (record !== undefined) memo.take(record, touched);
    yield undefined;
  }
  const order = appOrder(records);
  const contents = new Map<string, SliceContent>();
  for (const [index, cluster] of clusters.entries()) {
    const known = touched.has(cluster) ? undefined : memo.contents.get(cluster);
    contents.set(cluster, known ?? contentOf(cluster));
    if (index % CLUSTERS_PER_STEP === 0) yield undefined;
  }
  memo.contents = contents;
  return contents;

  function contentOf(cluster: string): SliceContent {
    const { apps, deletionHolds } = memo.sharesOf(cluster, names);
    const approved = (approvals.get(cluster) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return { cluster, apps: order(apps), approvals: approved, deletionHolds };
  }
}

const CLUSTERS_PER_STEP = 100;

/** Clusters that run the same apps run them in the same order: found once for each set of apps. */
function appOrder(
  records: ReadonlyMap<string, AppRecord>,
): (apps: readonly SliceAppContent[]) => readonly SliceAppContent[] {
  const dependenciesOf = (name: string): readonly string[] => records.get(name)?.settings.dependsOn ?? [];
  const waits = [...records.keys()].some((name) => dependenciesOf(name).length > 0);
  // In the order of names already.
  if (!waits) return (apps) => apps;
  const known = new Map<string, readonly string[]>();
  return (apps) => {
    const names = apps.map(({ name }) => name);
    const key = names.join("\n");
    const order = known.get(key) ?? orderApps(names, dependenciesOf);
    known.set(key, order);
    const byName = new Map(apps.map((app) => [app.name, app]));
    return order.flatMap((name) => byName.get(name) ?? []);
  };
}
