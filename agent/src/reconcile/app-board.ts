import { describeRef, parseId } from "@axle/core/manifest/object.ts";
import type { ObjectId } from "@axle/core/manifest/object.ts";
import { HEALTH_ORDER } from "@axle/core/status/report.ts";
import type { AppReport, Drift, Health, ObservedPlan, PendingDeletion, Sync } from "@axle/core/status/report.ts";
import type { HealthVerdict } from "@axle/core/health/verdict.ts";
import { deepEqual } from "./deep-equal.ts";

/** What of an app's report the reconciler decides; health comes from its objects. */
export interface AppStanding {
  readonly revision: number;
  readonly commit: string;
  readonly sync: Sync;
  readonly message: string;
  readonly objects: number;
  readonly pendingDeletion: PendingDeletion | undefined;
  /** Of an app that is only observed. */
  readonly plan: ObservedPlan | undefined;
  /** Set when it was not healthy in time: it counts as failed until it is healthy. */
  readonly late: string | undefined;
  /** Objects with its mark that are left in place, in words; "" for none. */
  readonly strays: string;
}

interface Entry {
  standing: AppStanding;
  readonly verdicts: Map<ObjectId, HealthVerdict>;
  readonly pruning: Map<ObjectId, string>;
  drifts: readonly Drift[];
  reported: AppReport | undefined;
}

export interface AppBoardOptions {
  readonly app: (report: AppReport) => void;
  readonly appGone: (app: string) => void;
}

const MOST_DRIFTS = 20;
const NEW: AppStanding = {
  revision: 0,
  commit: "",
  sync: "Pending",
  message: "",
  objects: 0,
  pendingDeletion: undefined,
  plan: undefined,
  late: undefined,
  strays: "",
};
/** What ends a wait for health. */
const GOOD: ReadonlySet<Health | undefined> = new Set([undefined, "Healthy", "Suspended"]);

/** How every app stands, and who waits for it to change. Reports an app once for all changes of one turn, and only when its report differs. */
export class AppBoard {
  readonly #options: AppBoardOptions;
  readonly #apps = new Map<string, Entry>();
  readonly #dirty = new Set<string>();
  readonly #waiters = new Set<() => void>();
  readonly #drained: (() => void)[] = [];

  constructor(options: AppBoardOptions) {
    this.#options = options;
  }

  get apps(): readonly string[] {
    return [...this.#apps.keys()];
  }

  set(app: string, change: Partial<AppStanding>): void {
    const entry = this.#entry(app);
    entry.standing = { ...entry.standing, ...change };
    this.#changed(app);
  }

  get(app: string): AppStanding | undefined {
    return this.#apps.get(app)?.standing;
  }

  /** Only these objects count for the app's health from now on. */
  retain(app: string, ids: ReadonlySet<ObjectId>): void {
    const { verdicts } = this.#entry(app);
    for (const id of verdicts.keys()) if (!ids.has(id)) verdicts.delete(id);
    this.#changed(app);
  }

  /** What holds nobody up does not count, or an app would wait for what comes after it. */
  judge(app: string, id: ObjectId, judged: HealthVerdict | undefined): void {
    const verdict = judged?.blocks === false ? undefined : judged;
    const { verdicts } = this.#entry(app);
    if (deepEqual(verdicts.get(id), verdict)) return;
    if (verdict === undefined) verdicts.delete(id);
    else verdicts.set(id, verdict);
    this.#changed(app);
  }

  drifted(app: string, drift: Drift): void {
    const entry = this.#entry(app);
    const others = entry.drifts.filter((old) => old.object !== drift.object || !deepEqual(old.paths, drift.paths));
    entry.drifts = [drift, ...others].slice(0, MOST_DRIFTS);
    this.#changed(app);
  }

  /** Undefined when the deletion is done with. */
  pruning(app: string, id: ObjectId, message: string | undefined): void {
    const { pruning } = this.#entry(app);
    if (message === undefined) pruning.delete(id);
    else pruning.set(id, message);
    this.#changed(app);
  }

  /** What is being deleted is among these, and nothing else: an object may have come back into a pack meanwhile. */
  keepPruning(app: string, ids: ReadonlySet<ObjectId>): void {
    const { pruning } = this.#entry(app);
    for (const id of pruning.keys()) if (!ids.has(id)) this.pruning(app, id, undefined);
  }

  remove(app: string): void {
    if (!this.#apps.delete(app)) return;
    this.#dirty.delete(app);
    this.#options.appGone(app);
  }

  healthOf(app: string): { readonly health: Health | undefined; readonly message: string } {
    let worst: { id: ObjectId; verdict: HealthVerdict } | undefined;
    for (const [id, verdict] of this.#apps.get(app)?.verdicts ?? []) {
      const isWorse =
        worst === undefined || HEALTH_ORDER.indexOf(verdict.health) > HEALTH_ORDER.indexOf(worst.verdict.health);
      if (isWorse) worst = { id, verdict };
    }
    if (worst === undefined) return { health: undefined, message: "" };
    if (worst.verdict.health === "Healthy") return { health: "Healthy", message: "" };
    return { health: worst.verdict.health, message: `${describeId(worst.id)}: ${worst.verdict.message}` };
  }

  /** Of the whole app, or of some of its objects. */
  isHealthy(app: string, ids?: Iterable<ObjectId>): boolean {
    if (ids === undefined) return GOOD.has(this.healthOf(app).health);
    const verdicts = this.#apps.get(app)?.verdicts;
    return [...ids].every((id) => GOOD.has(verdicts?.get(id)?.health));
  }

  /** Objects of an app that are not well yet. */
  unhealthyIdsOf(app: string): readonly ObjectId[] {
    const verdicts = this.#apps.get(app)?.verdicts ?? new Map<ObjectId, HealthVerdict>();
    return [...verdicts].filter(([, verdict]) => !GOOD.has(verdict.health)).map(([id]) => id);
  }

  /** Resolves when the app, or those of its objects, is healthy; rejects with the signal's reason. */
  async awaitHealthy(app: string, signal: AbortSignal, ids?: ReadonlySet<ObjectId>): Promise<void> {
    while (!this.isHealthy(app, ids)) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiters.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  reportOf(app: string): AppReport {
    const { standing, drifts, pruning } = this.#entry(app);
    const { health, message } = this.healthOf(app);
    const { pendingDeletion, plan, late, strays, ...rest } = standing;
    const failure =
      late === undefined || GOOD.has(health) ? {} : { sync: "Failed" as const, message: `${late}: ${message}` };
    return {
      app,
      ...rest,
      message: rest.message || sayFight(drifts) || strays,
      ...failure,
      health,
      healthMessage: message,
      ...(pendingDeletion === undefined ? {} : { pendingDeletion }),
      ...(plan === undefined ? {} : { plan }),
      drifts,
      pruning: [...pruning.values()],
    };
  }

  /** Resolves when everything changed so far has been reported. */
  async settled(): Promise<void> {
    if (this.#dirty.size > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #entry(app: string): Entry {
    const held = this.#apps.get(app);
    if (held !== undefined) return held;
    const entry: Entry = { standing: NEW, verdicts: new Map(), pruning: new Map(), drifts: [], reported: undefined };
    this.#apps.set(app, entry);
    return entry;
  }

  #changed(app: string): void {
    if (this.#dirty.size === 0) queueMicrotask(() => this.#flush());
    this.#dirty.add(app);
  }

  #flush(): void {
    const apps = [...this.#dirty];
    this.#dirty.clear();
    for (const app of apps) {
      const entry = this.#apps.get(app);
      if (entry === undefined) continue;
      const report = this.reportOf(app);
      if (deepEqual(report, entry.reported)) continue;
      entry.reported = report;
      this.#options.app(report);
    }
    for (const wake of this.#waiters) wake();
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

function sayFight(drifts: readonly Drift[]): string {
  const fight = drifts.find(({ action, correctedAtMs }) => action === "fighting" && correctedAtMs === 0);
  if (fight === undefined) return "";
  const { object, manager, paths } = fight;
  return `fighting with ${manager || "somebody"} over ${paths.join(", ") || "the whole"} of ${describeId(object)}`;
}

export function describeId(id: ObjectId): string {
  const ref = parseId(id);
  return ref === undefined ? id : describeRef(ref);
}
