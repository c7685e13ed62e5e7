import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planPrune } from "../inventory/plan-prune.ts";
import { FleetModel } from "./fleet-model.test-support.ts";
import type { AppAt, CommitAt } from "./fleet-model.test-support.ts";
import { planSlices } from "./plan-slices.ts";

const CLUSTERS = ["a", "b", "c"];
const OBJECTS = ["cm/1", "cm/2", "cm/3", "cm/4"];
const APPS = ["api", "db", "web"];

const objects = fc.subarray(OBJECTS);
const targets = (content: fc.Arbitrary<readonly string[] | "broken">): fc.Arbitrary<AppAt> =>
  fc.dictionary(fc.constantFrom(...CLUSTERS), content, { noNullPrototype: true });
const goodApp = targets(objects);
const anyApp: fc.Arbitrary<AppAt> = fc.oneof(
  { weight: 6, arbitrary: goodApp },
  { weight: 2, arbitrary: targets(fc.oneof({ weight: 3, arbitrary: objects }, fc.constant("broken" as const))) },
  { weight: 1, arbitrary: fc.constant("unresolved" as const) },
);
const commitOf = (app: fc.Arbitrary<AppAt>): fc.Arbitrary<CommitAt> =>
  fc.dictionary(fc.constantFrom(...APPS), app, { noNullPrototype: true });
const anyHistory = fc.array(commitOf(anyApp), { maxLength: 6 });

/** The clusters of a model fleet: each has agents that apply, hand over and prune as the slices say. */
class Agents {
  /** Cluster -> app -> what it owns. */
  readonly #owned = new Map<string, Map<string, Set<string>>>();
  readonly #fleet: FleetModel;

  constructor(fleet: FleetModel) {
    this.#fleet = fleet;
  }

  live(cluster: string): ReadonlySet<string> {
    return new Set([...(this.#owned.get(cluster)?.values() ?? [])].flatMap((ids) => [...ids]));
  }

  /** Every approval is given at once: only S2 stands between an object and its deletion. */
  act(): void {
    const slices = planSlices({ records: this.#fleet.records, clusters: this.#fleet.clusters, approvals: new Map() });
    for (const [cluster, { apps }] of slices) {
      const owned = this.#owned.get(cluster) ?? new Map<string, Set<string>>();
      this.#owned.set(cluster, owned);
      const packs = new Map(
        apps.map(({ name, packs: handles }) => [name, handles.flatMap(({ digest }) => idsIn(digest))]),
      );
      for (const [app, ids] of packs) owned.set(app, new Set([...(owned.get(app) ?? []), ...ids]));
      const deletions = planPrune({
        inventories: new Map([...owned].map(([app, ids]) => [app, [...ids]])),
        packs,
        heldApps: apps.filter(({ held }) => held !== undefined).map(({ name }) => name),
      });
      const declared = new Set([...packs.values()].flat());
      for (const ids of deletions.values()) for (const id of ids) expect(declared).not.toContain(id);
      for (const [app, ids] of owned) {
        const own = new Set(packs.get(app));
        for (const id of ids) {
          const handedOver = declared.has(id) && !own.has(id);
          if (handedOver || deletions.get(app)?.includes(id) === true) ids.delete(id);
        }
      }
    }
  }
}

/** The model names a pack by what is in it. */
function idsIn(digest: string): readonly string[] {
  return digest
    .slice(digest.indexOf(":") + 1)
    .split(",")
    .filter((id) => id !== "");
}

/** What a commit declares for a cluster, as far as it can be read at all. */
function declaredFor(commit: CommitAt, cluster: string): readonly string[] {
  return Object.values(commit).flatMap((app) => {
    const content = app === "unresolved" ? undefined : app[cluster];
    return content === undefined || content === "broken" ? [] : content;
  });
}

function clashes(commit: CommitAt): boolean {
  return CLUSTERS.some((cluster) => {
    const declared = declaredFor(commit, cluster);
    return new Set(declared).size < declared.length;
  });
}

describe("planFleet over random histories", () => {
  it("commit by commit ends where the last commit from scratch would", () => {
    fc.assert(
      fc.property(anyHistory, commitOf(goodApp), (history, last) => {
        fc.pre(!clashes(last));
        const fleet = new FleetModel(CLUSTERS);
        for (const commit of history) fleet.commit(commit);
        fleet.commit(last);
        const scratch = new FleetModel(CLUSTERS);
        scratch.commit(last);
        expect(fleet.state()).toEqual(scratch.state());
        expect(fleet.commit(last).records).toEqual([]);
      }),
      { numRuns: 80 },
    );
  });

  it("S3: an app that is held is exactly where it was", () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const fleet = new FleetModel(CLUSTERS);
        for (const commit of history) {
          const before = new Map(fleet.records);
          fleet.commit(commit);
          for (const [app, record] of fleet.records) {
            const content = commit[app];
            const cannotMove =
              content === "unresolved" || (content !== undefined && Object.values(content).includes("broken"));
            if (cannotMove) expect(record.held).toBeDefined();
            if (record.held === undefined) continue;
            const { revision, targets: where, packs } = before.get(app) ?? { revision: 0, targets: {}, packs: [] };
            expect(record).toMatchObject({ revision, packs });
            expect(record.targets).toEqual(where);
          }
        }
      }),
      { numRuns: 80 },
    );
  });

  it("never has one object in two packs of a slice", () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const fleet = new FleetModel(CLUSTERS);
        for (const commit of history) {
          fleet.commit(commit);
          for (const { apps } of planSlices({
            records: fleet.records,
            clusters: CLUSTERS,
            approvals: new Map(),
          }).values()) {
            const ids = apps.flatMap(({ packs }) => packs.flatMap(({ digest }) => idsIn(digest)));
            expect(new Set(ids).size).toBe(ids.length);
          }
        }
      }),
      { numRuns: 80 },
    );
  });

  it("S2: no agent deletes what the newest commit declares for its cluster, whatever is held", () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const fleet = new FleetModel(CLUSTERS);
        const agents = new Agents(fleet);
        for (const commit of history) {
          const before = new Map(CLUSTERS.map((cluster) => [cluster, agents.live(cluster)]));
          fleet.commit(commit);
          agents.act();
          for (const cluster of CLUSTERS) {
            const kept = declaredFor(commit, cluster).filter((id) => before.get(cluster)?.has(id));
            expect([...agents.live(cluster)]).toEqual(expect.arrayContaining(kept));
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("L1: once a good commit stands, every cluster has exactly what it declares", () => {
    fc.assert(
      fc.property(anyHistory, commitOf(goodApp), (history, last) => {
        fc.pre(!clashes(last));
        const fleet = new FleetModel(CLUSTERS);
        const agents = new Agents(fleet);
        for (const commit of [...history, last]) {
          fleet.commit(commit);
          agents.act();
        }
        for (const cluster of CLUSTERS)
          expect([...agents.live(cluster)].sort()).toEqual(declaredFor(last, cluster).toSorted());
      }),
      { numRuns: 80 },
    );
  });

  it("S4: whatever leaves a cluster with something to delete, above 30 % of the app's clusters, waits", () => {
    fc.assert(
      fc.property(commitOf(goodApp), commitOf(goodApp), (first, second) => {
        fc.pre(!clashes(first) && !clashes(second));
        const fleet = new FleetModel(CLUSTERS);
        fleet.commit(first);
        fleet.commit(second);
        for (const [app, before] of Object.entries(first)) {
          const after = second[app] ?? {};
          if (before === "unresolved" || after === "unresolved") continue;
          const lossy = Object.entries(before).filter(
            ([cluster, ids]) =>
              after[cluster] === undefined &&
              ids.length > 0 &&
              ids !== "broken" &&
              ids.some((id) => !declaredFor(second, cluster).includes(id)),
          );
          // With three clusters one is already more than 30 %.
          for (const [cluster] of lossy) expect(fleet.record(app)?.deletionHolds).toHaveProperty(cluster);
          const held = Object.keys(fleet.record(app)?.deletionHolds ?? {});
          expect(held.every((cluster) => lossy.some(([name]) => name === cluster))).toBe(true);
        }
      }),
      { numRuns: 80 },
    );
  });

  it("S4: a hold stays, whatever else is committed, until it is cleared or the app is back", () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const fleet = new FleetModel(CLUSTERS);
        for (const commit of history) {
          const before = [...fleet.records].flatMap(([app, { deletionHolds }]) =>
            Object.keys(deletionHolds).map((cluster) => ({ app, cluster })),
          );
          fleet.commit(commit);
          for (const { app, cluster } of before) {
            const record = fleet.record(app);
            if (record?.targets[cluster] === undefined) expect(record?.deletionHolds).toHaveProperty(cluster);
            else expect(record.deletionHolds).not.toHaveProperty(cluster);
          }
        }
      }),
      { numRuns: 80 },
    );
  });

  it("the order of apps and clusters never changes the plan", () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const fleet = new FleetModel(CLUSTERS);
        const turned = new FleetModel(CLUSTERS.toReversed());
        for (const commit of history) {
          const plan = fleet.commit(commit);
          const other = turned.commit(Object.fromEntries(Object.entries(commit).reverse()));
          expect(other).toEqual(plan);
        }
      }),
      { numRuns: 80 },
    );
  });
});
