import type { App } from "../fleet/app.ts";
import type { ClusterFacts } from "../fleet/cluster.ts";
import { DEFAULT_GUARDS } from "../fleet/fleet.ts";
import type { FleetGuards } from "../fleet/fleet.ts";
import { refusesCommit } from "../fleet/problem.ts";
import type { Problem } from "../fleet/problem.ts";
import type { AppRecord } from "./app-record.ts";
import { effectOfRecord } from "./effective-fleet.ts";
import type { Candidate, EffectiveApp } from "./effective-fleet.ts";
import { findCycles } from "./find-cycles.ts";
import { findDuplicates } from "./find-duplicates.ts";
import type { Duplicate } from "./find-duplicates.ts";
import { plainSecretProblem, uncontrolledProblem, unservedProblem } from "./guards/describe-guard.ts";
import { findPlainSecrets } from "./guards/find-plain-secrets.ts";
import { findUncontrolled } from "./guards/find-uncontrolled.ts";
import { findUnserved } from "./guards/find-unserved.ts";
import { holdDeletions } from "./hold-deletions.ts";
import { equalRecords, recordOfCandidate } from "./next-record.ts";
import type { Resolution } from "./resolution.ts";
import type { RenderedObject, RenderedPack, RenderedVariant } from "./rendered-variant.ts";
import { PlanMemo } from "./plan-memo.ts";
import { duplicateProblem, faultOf, notRendered } from "./plan-problems.ts";
import { reasonOf } from "./resolve.ts";
import { finish } from "../steps.ts";
import type { Steps } from "../steps.ts";
import type { VariantKey } from "./variant.ts";

export interface FleetPlanInput {
  readonly commit: string;
  /** The commit that brings what stands in a folder of another branch; undefined: the one above. */
  readonly commitOf?: (path: string) => string | undefined;
  /** Hub's clock; stands in the history only. */
  readonly atMs: number;
  /** Ids of every cluster the hub knows. One that is gone took its objects' fate with it: leaving it is no deletion. */
  readonly clusters: readonly string[];
  /** By app. */
  readonly previous: ReadonlyMap<string, AppRecord>;
  readonly resolution: Resolution;
  /** Every variant of every app in `resolution.apps`. */
  readonly rendered: ReadonlyMap<VariantKey, RenderedVariant>;
  /** What is in a pack of a previous record; undefined when nobody knows any more. */
  objectsOf(digest: string): readonly RenderedObject[] | undefined;
  /** Holds that are over: the agent reported the app's objects pruned, or there is nothing left to delete. */
  readonly clearHolds: readonly { readonly cluster: string; readonly app: string }[];
  /** What people call a cluster; its id when left out. */
  readonly nameOf?: (cluster: string) => string;
  /** What a cluster said of itself; undefined: it is not judged. */
  readonly factsOf?: (cluster: string) => ClusterFacts | undefined;
  /** What the fleet lets pass; the default where left out. */
  readonly guards?: FleetGuards;
  /** Of the plan before this one, where there was one. */
  readonly memo?: PlanMemo;
}

export interface FleetPlan {
  /** The records that differ from the previous ones, sorted by app. */
  readonly records: readonly AppRecord[];
  /** Apps whose record is to be deleted, sorted. */
  readonly gone: readonly string[];
  /** What this step found; those of the resolution are not repeated. */
  readonly problems: readonly Problem[];
}

/**
 * From what a commit means to what the hub keeps of each app: who moves to a new revision, who is held where it was, who
 * goes, and which deletions wait for a person. Pure; the order of what comes in changes nothing.
 *
 * An app moves with all its variants or not at all (S3). Holding one app can force another to be held (it would declare an
 * object the first still has), so this is repeated until nothing more is held; a fleet in which everybody is held is the
 * previous one, which had no such clash.
 */
export function planFleet(input: FleetPlanInput): FleetPlan {
  return finish(planFleetInSteps(input));
}

/** {@link planFleet}, app by app. */
export function* planFleetInSteps(input: FleetPlanInput): Steps<FleetPlan> {
  if (refusesCommit(input.resolution.problems)) return { records: [], gone: [], problems: [] };
  return yield* new FleetPlanner(input).plan();
}

interface HeldApp {
  readonly app: App;
  readonly reason: string;
  /** Ids of the clusters it is meant for. */
  readonly clusters: readonly string[];
}

class FleetPlanner {
  readonly #input: FleetPlanInput;
  readonly #clusters: ReadonlySet<string>;
  readonly #memo: PlanMemo;
  readonly #candidates = new Map<string, Candidate>();
  readonly #held = new Map<string, HeldApp>();
  readonly #problems: Problem[] = [];
  /** Of the last look: those before it may have been of apps that are held by now. */
  #unserved: Problem[] = [];

  constructor(input: FleetPlanInput) {
    this.#input = input;
    this.#clusters = new Set(input.clusters);
    this.#memo = input.memo ?? new PlanMemo();
  }

  *plan(): Steps<FleetPlan> {
    const { resolution, previous } = this.#input;
    for (const [name, broken] of resolution.broken) this.#held.set(name, broken);
    for (const name of [...resolution.apps.keys()].sort()) {
      this.#admit(name);
      yield undefined;
    }
    this.#guardSecrets(yield* this.#effects());
    let effects = yield* this.#effects();
    while (this.#holdCycles(effects) || this.#holdDuplicates(effects) || this.#holdUnserved(effects)) {
      effects = yield* this.#effects();
    }
    this.#tellUncontrolled(effects);

    const holds = holdDeletions({
      previous,
      next: effects,
      clusters: this.#clusters,
      objectsOf: (digest) => this.#input.objectsOf(digest),
      staying: new Set([...previous.keys()].filter((name) => this.#isStanding(name))),
    });
    const cleared = Map.groupBy(this.#input.clearHolds, ({ app }) => app);
    const records: AppRecord[] = [];
    const gone: string[] = [];
    const names = new Set([...previous.keys(), ...this.#candidates.keys(), ...this.#held.keys()]);
    for (const name of [...names].sort()) {
      yield undefined;
      const before = previous.get(name);
      if (holds.get(name) === undefined && this.#isStanding(name)) continue;
      const over = new Set(cleared.get(name)?.map(({ cluster }) => cluster));
      const waiting = Object.entries({ ...before?.deletionHolds, ...holds.get(name) }).filter(
        ([cluster]) => this.#clusters.has(cluster) && !over.has(cluster),
      );
      const after = this.#recordOf(name, waiting);
      if (after === undefined) gone.push(name);
      else {
        const isEqual = before !== undefined && equalRecords(before, after);
        if (!isEqual) records.push(after);
        this.#remember(name, isEqual ? before : after);
      }
    }
    return { records, gone, problems: [...this.#problems, ...this.#unserved] };
  }

  /** A candidate, when every variant its clusters need is rendered (S3). */
  #admit(name: string): void {
    const resolved = this.#input.resolution.apps.get(name);
    if (resolved === undefined) return;
    const known = this.#memo.candidateOf(resolved, this.#input.rendered);
    if (known !== undefined) {
      this.#candidates.set(name, known);
      return;
    }
    const packs = new Map<VariantKey, RenderedPack>();
    for (const variant of resolved.variants.keys()) {
      const rendered = this.#input.rendered.get(variant);
      const problem = rendered === undefined ? notRendered(resolved.app) : faultOf(resolved.app, rendered);
      if (problem !== undefined) {
        this.#hold(name, { ...problem, app: name }, { app: resolved.app, clusters: [...resolved.targets.keys()] });
        return;
      }
      if (rendered !== undefined && "pack" in rendered) packs.set(variant, rendered);
    }
    this.#candidates.set(name, this.#memo.admit({ resolved, packs }));
  }

  /** The record is what the app would move to: nothing of it need be looked at. */
  #isStanding(name: string): boolean {
    return this.#memo.isStanding(this.#candidates.get(name), this.#input.previous.get(name));
  }

  /** A record with deletions that wait says more than its candidate. */
  #remember(name: string, record: AppRecord): void {
    const candidate = this.#candidates.get(name);
    if (candidate === undefined || Object.keys(record.deletionHolds).length > 0) return;
    this.#memo.stands(candidate, record);
  }

  #hold(name: string, problem: Problem, { app, clusters }: Omit<HeldApp, "reason">): void {
    this.#problems.push(problem);
    this.#candidates.delete(name);
    this.#held.set(name, { app, reason: reasonOf(problem), clusters });
  }

  #holdCandidate(name: string, problem: Problem): void {
    const candidate = this.#candidates.get(name);
    if (candidate === undefined) return;
    const { app, targets } = candidate.resolved;
    this.#hold(name, problem, { app, clusters: [...targets.keys()] });
  }

  *#effects(): Steps<ReadonlyMap<string, EffectiveApp>> {
    const effects = new Map<string, EffectiveApp>();
    for (const [name, candidate] of this.#candidates) {
      effects.set(name, this.#memo.effectOf(name, candidate));
      yield undefined;
    }
    for (const name of this.#held.keys()) {
      const record = this.#input.previous.get(name);
      if (record !== undefined)
        effects.set(
          name,
          effectOfRecord(record, (digest) => this.#input.objectsOf(digest)),
        );
    }
    return effects;
  }

  /** Each commit was checked by itself; a cycle can still arise where new apps meet held ones. True when it held somebody. */
  #holdCycles(effects: ReadonlyMap<string, EffectiveApp>): boolean {
    const cycles = findCycles(new Map([...effects].map(([name, { settings }]) => [name, settings.dependsOn])));
    const moving = [...cycles].filter(([name]) => this.#candidates.has(name));
    for (const [name, cycle] of moving) {
      const message = `the app waits for itself through apps that are held: ${cycle.join(" -> ")}`;
      const place = this.#candidates.get(name)?.resolved.app.declaredAt;
      this.#holdCandidate(name, {
        severity: "error",
        code: "dependency",
        message,
        ...(place !== undefined && { place }),
        app: name,
      });
    }
    return moving.length > 0;
  }

  #holdDuplicates(effects: ReadonlyMap<string, EffectiveApp>): boolean {
    let heldSomebody = false;
    const heldBefore = new Set(this.#held.keys());
    for (const duplicate of findDuplicates(effects.values())) {
      for (const [index, name] of duplicate.apps.entries()) {
        if (!this.#candidates.has(name)) continue;
        this.#holdCandidate(name, duplicateProblem(this.#named(duplicate), index, heldBefore));
        heldSomebody = true;
      }
    }
    return heldSomebody;
  }

  /** Before all else: what is denied holds its app, whatever the others do. */
  #guardSecrets(effects: ReadonlyMap<string, EffectiveApp>): void {
    const { plainSecrets } = this.#input.guards ?? DEFAULT_GUARDS;
    if (plainSecrets === "allow") return;
    for (const secrets of findPlainSecrets(effects.values())) {
      const problem = plainSecretProblem(secrets, plainSecrets);
      if (problem.severity === "error") this.#holdCandidate(secrets.app, problem);
      else this.#problems.push(problem);
    }
  }

  /**
   * An app that would bring what a cluster does not serve stays where it is. Where a cluster has that very pack already
   * it is only told of: a cluster that was upgraded, or whose discovery fails for a moment, must not stop the app.
   */
  #holdUnserved(effects: ReadonlyMap<string, EffectiveApp>): boolean {
    const { factsOf, nameOf = (cluster: string) => cluster } = this.#input;
    if (factsOf === undefined) return false;
    const before = this.#held.size;
    this.#unserved = [];
    for (const unserved of findUnserved(effects.values(), {
      clusters: this.#clusters,
      factsOf,
      classes: this.#memo.facts,
    })) {
      const { app, clusters, mayCome } = unserved;
      const added = clusters.filter((cluster) => !this.#hasAlready(app, cluster));
      const names = (added.length === 0 ? clusters : added).map(nameOf).sort();
      if (added.length > 0 && !mayCome) this.#holdCandidate(app, unservedProblem(unserved, names, "error"));
      else this.#unserved.push(unservedProblem(unserved, names, "warning"));
    }
    return this.#held.size > before;
  }

  #tellUncontrolled(effects: ReadonlyMap<string, EffectiveApp>): void {
    const { nameOf = (cluster: string) => cluster } = this.#input;
    for (const uncontrolled of findUncontrolled(effects.values())) {
      this.#problems.push(uncontrolledProblem(uncontrolled, uncontrolled.clusters.map(nameOf).sort()));
    }
  }

  #hasAlready(app: string, cluster: string): boolean {
    const previous = this.#input.previous.get(app);
    const target = previous?.targets[cluster];
    const candidate = this.#candidates.get(app);
    const variant = candidate?.resolved.targets.get(cluster)?.variant;
    if (target === undefined || variant === undefined) return false;
    return previous?.packs[target.pack]?.digest === candidate?.packs.get(variant)?.pack.digest;
  }

  /** With clusters by the names people know. */
  #named(duplicate: Duplicate): Duplicate {
    const { nameOf = (cluster) => cluster } = this.#input;
    return { ...duplicate, clusters: duplicate.clusters.map(nameOf) };
  }

  /** Undefined when nothing is left to keep. */
  #recordOf(name: string, waiting: readonly (readonly [string, string])[]): AppRecord | undefined {
    const { commit, commitOf, atMs, previous } = this.#input;
    const before = previous.get(name);
    const holdsWhere = (isOpen: (cluster: string) => boolean): Readonly<Record<string, string>> =>
      Object.fromEntries(waiting.filter(([cluster]) => isOpen(cluster)).sort(([a], [b]) => (a < b ? -1 : 1)));
    const candidate = this.#candidates.get(name);
    if (candidate !== undefined) {
      const deletionHolds = holdsWhere((cluster) => !candidate.resolved.targets.has(cluster));
      return recordOfCandidate(candidate, { commit, commitOf, atMs, previous: before, deletionHolds });
    }
    const held = this.#held.get(name);
    if (held !== undefined) return this.#heldRecord(held, before, holdsWhere);
    const deletionHolds = holdsWhere(() => true);
    if (before === undefined || Object.keys(deletionHolds).length === 0) return undefined;
    const { held: _held, awaiting: _awaiting, ...rest } = before;
    return { ...rest, packs: [], targets: {}, deletionHolds };
  }

  #heldRecord(
    { app, reason, clusters }: HeldApp,
    before: AppRecord | undefined,
    holdsWhere: (isOpen: (cluster: string) => boolean) => Readonly<Record<string, string>>,
  ): AppRecord {
    const targets = Object.fromEntries(
      Object.entries(before?.targets ?? {}).filter(([cluster]) => this.#clusters.has(cluster)),
    );
    const awaiting = clusters.filter((cluster) => targets[cluster] === undefined && this.#clusters.has(cluster)).sort();
    const { awaiting: _awaiting, ...kept } = before ?? this.#neverApplied(app);
    return {
      ...kept,
      targets,
      held: reason,
      ...(awaiting.length > 0 && { awaiting }),
      deletionHolds: holdsWhere((cluster) => targets[cluster] === undefined),
    };
  }

  /** Revision 0: declared, and not yet good at any commit. */
  #neverApplied(app: App): AppRecord {
    const { name, settings, declaredAt } = app;
    const nothing = { packs: [], targets: {}, deletionHolds: {}, history: [] };
    return { app: name, revision: 0, commit: this.#input.commit, settings, declaredAt, ...nothing };
  }
}
