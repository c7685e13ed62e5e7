import type { AppSettings } from "../fleet/app.ts";
import { canonicalJson } from "../manifest/canonical-json.ts";
import type { DeletionApproval, DeletionHold } from "../slice/slice.ts";
import type { AppRecord, RecordTarget } from "./app-record.ts";
import type { SliceAppContent, SliceContent } from "./slice-content.ts";

type Approvals = ReadonlyMap<string, readonly DeletionApproval[]>;

/** What one app gives to clusters. */
interface AppShares {
  readonly record: AppRecord;
  /** What all of it depends on beside a cluster's own target. */
  readonly common: string;
  /** Clusters that get the same share one object, also with what they got before. */
  readonly distinct: ReadonlyMap<string, SliceAppContent>;
  readonly byCluster: ReadonlyMap<string, SliceAppContent>;
}

/**
 * What the last plan gave each cluster, so that a commit costs the clusters it changes and not the fleet. It compares what
 * comes in with what came in last, by identity: records, approvals and contents are never changed in place.
 */
export class SliceMemo {
  /** By cluster id: those of the last plan. */
  contents: ReadonlyMap<string, SliceContent> = new Map();
  readonly #shares = new Map<string, AppShares>();
  #approvals: Approvals = new Map();

  /** To be called first. Ids of clusters for which something is another than last time, as far as it is told by now. */
  begin({
    records,
    approvals,
  }: {
    readonly records: ReadonlyMap<string, AppRecord>;
    readonly approvals: Approvals;
  }): Set<string> {
    const touched = new Set<string>();
    for (const [name, { record, byCluster }] of this.#shares) {
      if (records.has(name)) continue;
      for (const cluster of [...byCluster.keys(), ...Object.keys(record.deletionHolds)]) touched.add(cluster);
      this.#shares.delete(name);
    }
    for (const cluster of [...this.#approvals.keys(), ...approvals.keys()]) {
      if (this.#approvals.get(cluster) !== approvals.get(cluster)) touched.add(cluster);
    }
    this.#approvals = approvals;
    return touched;
  }

  /** Takes in one app, and adds the clusters for which it is another than last time to `touched`. */
  take(record: AppRecord, touched: Set<string>): void {
    const before = this.#shares.get(record.app);
    if (before?.record === record) return;
    const after = distribute(record, before);
    this.#shares.set(record.app, after);
    for (const [cluster, content] of after.byCluster) {
      if (before?.byCluster.get(cluster) !== content) touched.add(cluster);
    }
    for (const cluster of before?.byCluster.keys() ?? []) if (!after.byCluster.has(cluster)) touched.add(cluster);
    const holds = before?.record.deletionHolds ?? {};
    for (const cluster of [...Object.keys(holds), ...Object.keys(record.deletionHolds)]) {
      if (holds[cluster] !== record.deletionHolds[cluster]) touched.add(cluster);
    }
  }

  /** What a cluster gets, in the order of the names given. */
  sharesOf(
    cluster: string,
    names: readonly string[],
  ): { readonly apps: readonly SliceAppContent[]; readonly deletionHolds: readonly DeletionHold[] } {
    const apps: SliceAppContent[] = [];
    const deletionHolds: DeletionHold[] = [];
    for (const name of names) {
      const shares = this.#shares.get(name);
      const content = shares?.byCluster.get(cluster);
      if (content !== undefined) apps.push(content);
      const reason = shares?.record.deletionHolds[cluster];
      if (reason !== undefined) deletionHolds.push({ app: name, reason });
    }
    return { apps, deletionHolds };
  }
}

function distribute(record: AppRecord, before: AppShares | undefined): AppShares {
  const { app, held } = record;
  const common = canonicalJson([record.settings, held ?? null]);
  const known = before?.common === common ? before.distinct : undefined;
  const settings = new Map<string, AppSettings>();
  const distinct = new Map<string, SliceAppContent>();
  const byCluster = new Map<string, SliceAppContent>();
  const share = (key: string, make: () => SliceAppContent): SliceAppContent => {
    const content = distinct.get(key) ?? known?.get(key) ?? make();
    distinct.set(key, content);
    return content;
  };
  const heldBy = held === undefined ? {} : { held };
  // Most clusters share their target with others.
  const byTarget = new Map<RecordTarget, SliceAppContent>();
  for (const [cluster, target] of Object.entries(record.targets)) {
    const same = byTarget.get(target);
    if (same !== undefined) {
      byCluster.set(cluster, same);
      continue;
    }
    const { revision = record.revision, commit = record.commit, substitutions, namespace } = target;
    const pack = record.packs[target.pack];
    const key = JSON.stringify([pack?.digest, namespace, revision, commit, substitutions]);
    const make = (): SliceAppContent => ({
      name: app,
      revision,
      commit,
      packs: pack === undefined ? [] : [pack],
      substitutions,
      settings: settingsIn(record.settings, namespace, settings),
      ...heldBy,
    });
    const content = share(key, make);
    byTarget.set(target, content);
    byCluster.set(cluster, content);
  }
  for (const cluster of record.awaiting ?? []) {
    const { commit } = record;
    const awaited = {
      name: app,
      revision: 0,
      commit,
      packs: [],
      substitutions: {},
      settings: record.settings,
      ...heldBy,
    };
    byCluster.set(
      cluster,
      share(`awaiting ${commit}`, () => awaited),
    );
  }
  return { record, common, distinct, byCluster };
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
