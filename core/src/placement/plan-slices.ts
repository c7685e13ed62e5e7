import type { AppSettings } from "../fleet/app.ts";
import type { DeletionApproval } from "../slice/slice.ts";
import type { AppRecord } from "./app-record.ts";
import { orderApps } from "./order-apps.ts";
import type { SliceAppContent, SliceContent } from "./slice-content.ts";

export interface SlicePlanInput {
  /** Every record, the changed ones already in place. */
  readonly records: ReadonlyMap<string, AppRecord>;
  /** Ids of every cluster; each gets a slice, an empty one when no app is for it. */
  readonly clusters: readonly string[];
  /** By cluster id. */
  readonly approvals: ReadonlyMap<string, readonly DeletionApproval[]>;
}

/** What each cluster should run, by cluster id. A record that changes nothing for a cluster changes nothing in its slice. */
export function planSlices(input: SlicePlanInput): ReadonlyMap<string, SliceContent> {
  const parts = new Map<string, ClusterParts>(
    input.clusters.map((cluster) => [cluster, { apps: new Map(), holds: [] }]),
  );
  for (const name of [...input.records.keys()].sort()) {
    const record = input.records.get(name);
    if (record !== undefined) distribute(record, parts);
  }
  const order = appOrder(input.records);
  return new Map(
    [...parts].map(([cluster, { apps, holds }]): [string, SliceContent] => [
      cluster,
      {
        cluster,
        apps: order([...apps.keys()]).flatMap((name) => apps.get(name) ?? []),
        approvals: (input.approvals.get(cluster) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        deletionHolds: holds,
      },
    ]),
  );
}

interface ClusterParts {
  readonly apps: Map<string, SliceAppContent>;
  readonly holds: { readonly app: string; readonly reason: string }[];
}

function distribute(record: AppRecord, parts: ReadonlyMap<string, ClusterParts>): void {
  const held = record.held === undefined ? {} : { held: record.held };
  const settings = new Map<string, AppSettings>();
  for (const [cluster, target] of Object.entries(record.targets)) {
    const pack = record.packs[target.pack];
    parts.get(cluster)?.apps.set(record.app, {
      name: record.app,
      revision: target.revision ?? record.revision,
      commit: target.commit ?? record.commit,
      packs: pack === undefined ? [] : [pack],
      substitutions: target.substitutions,
      settings: settingsIn(record.settings, target.namespace, settings),
      ...held,
    });
  }
  for (const cluster of record.awaiting ?? []) {
    parts.get(cluster)?.apps.set(record.app, {
      name: record.app,
      revision: 0,
      commit: record.commit,
      packs: [],
      substitutions: {},
      settings: record.settings,
      ...held,
    });
  }
  for (const [cluster, reason] of Object.entries(record.deletionHolds)) {
    parts.get(cluster)?.holds.push({ app: record.app, reason });
  }
}

/** Settings with the namespace of one cluster; made once for each namespace. */
function settingsIn(settings: AppSettings, namespace: string | undefined, made: Map<string, AppSettings>): AppSettings {
  if (namespace === undefined || namespace === settings.namespace) return settings;
  const known = made.get(namespace);
  if (known !== undefined) return known;
  const local = { ...settings, namespace };
  made.set(namespace, local);
  return local;
}

/** Clusters that run the same apps run them in the same order: found once for each set of apps. */
function appOrder(records: ReadonlyMap<string, AppRecord>): (names: readonly string[]) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (names) => {
    const key = names.join("\n");
    const order = known.get(key) ?? orderApps(names, (name) => records.get(name)?.settings.dependsOn ?? []);
    known.set(key, order);
    return order;
  };
}
