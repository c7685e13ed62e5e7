import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { compareNumbers, type SliceNumber } from "@axle/core/slice/slice.ts";
import type { AgentStep, AppReport, ClusterReport, LeftReport, StepTimes } from "@axle/core/status/report.ts";
import type { DesiredState, ReconcileEvents } from "./ports.ts";

/** Step times kept for slices whose report was not acknowledged yet; the oldest go first. */
const KEPT_TIMINGS = 32;

type Steps = Partial<Record<AgentStep, number>>;

/**
 * What there is to report: the newest word on each app, and what of it the hub has not acknowledged. Tells `onChange` only
 * of real changes, so an app that is reported a hundred times alike costs nothing.
 */
export class ReportBook implements ReconcileEvents {
  readonly #onChange: () => void;
  readonly #apps = new Map<string, { readonly report: AppReport; readonly text: string }>();
  /** By `epoch.n`, oldest first. Agent's clock. */
  readonly #timings = new Map<string, { readonly number: SliceNumber; readonly steps: Steps }>();
  readonly #unsent = { apps: new Set<string>(), removed: new Set<string>(), timings: new Set<string>() };
  #inFlight: { readonly removed: readonly string[]; readonly timings: readonly string[] } | undefined;
  #slice:
    | { readonly number: SliceNumber; readonly apps: ReadonlyMap<string, number>; readonly isNew: boolean }
    | undefined;
  #refusal = "";
  #stall = "";
  #left: LeftReport | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * From now on reports speak of this slice. One that is not new was accepted before a restart: its steps were taken
   * then, so what is done again now is no news to the hub.
   */
  begin(desired: DesiredState, { isNew }: { readonly isNew: boolean }): void {
    const apps = new Map(desired.apps.map((app) => [app.name, app.revision]));
    this.#slice = { number: desired.number, apps, isNew };
    if (this.#left?.order !== desired.leaving?.id) this.#left = undefined;
    this.#onChange();
  }

  /** Why the newest slice was refused; "" when it was not. */
  refuse(reason: string): void {
    if (reason === this.#refusal) return;
    this.#refusal = reason;
    this.#onChange();
  }

  /** Nothing can be done in the cluster at all, and why: it does not answer, or takes no writes. "" when that is over. */
  stall(reason: string): void {
    if (this.#stall === reason) return;
    this.#stall = reason;
    this.#onChange();
  }

  left(report: LeftReport): void {
    if (this.#left?.order === report.order) return;
    this.#left = report;
    this.#onChange();
  }

  /** The cluster has left, whether the hub has heard of it or not. */
  get hasLeft(): boolean {
    return this.#left !== undefined;
  }

  app(report: AppReport): void {
    const text = canonicalJson(report);
    if (this.#apps.get(report.app)?.text === text) return;
    this.#apps.set(report.app, { report, text });
    this.#unsent.apps.add(report.app);
    this.#unsent.removed.delete(report.app);
    this.#onChange();
  }

  appGone(app: string): void {
    if (!this.#apps.delete(app)) return;
    this.#unsent.apps.delete(app);
    this.#unsent.removed.add(app);
    this.#onChange();
  }

  /** The first time counts: a step that is done again after a retry was done when it was first done. */
  step(number: SliceNumber, step: AgentStep, atMs: number): void {
    const key = `${number.epoch}.${number.n}`;
    const timing = this.#timings.get(key) ?? { number, steps: {} };
    if (timing.steps[step] !== undefined) return;
    timing.steps[step] = atMs;
    this.#timings.set(key, timing);
    const isOld = this.#slice?.isNew === false && compareNumbers(this.#slice.number, number) === 0;
    if (!isOld) this.#unsent.timings.add(key);
    for (const oldest of [...this.#timings.keys()].slice(0, -KEPT_TIMINGS)) {
      this.#timings.delete(oldest);
      this.#unsent.timings.delete(oldest);
    }
    this.#onChange();
  }

  /** Every app of the slice is applied as it says, and the slice went through as a whole. */
  get isApplied(): boolean {
    if (this.#slice === undefined) return false;
    const { number, apps } = this.#slice;
    if (this.#timings.get(`${number.epoch}.${number.n}`)?.steps.applied === undefined) return false;
    return [...apps].every(([name, revision]) => {
      const report = this.#apps.get(name)?.report;
      return report?.sync === "Applied" && report.revision === revision;
    });
  }

  /** The newest word on every app. */
  get reports(): readonly AppReport[] {
    return [...this.#apps.values()].map(({ report }) => report);
  }

  /**
   * The next message to the hub; what is in it counts as sent until {@link stored} or the next take. A full one holds
   * every app, and of the rest whatever was not acknowledged. `clockOffsetMs`: how far the hub's clock is ahead.
   */
  take(next: { readonly number: number; readonly full: boolean; readonly clockOffsetMs: number }): ClusterReport {
    for (const app of this.#inFlight?.removed ?? []) if (!this.#apps.has(app)) this.#unsent.removed.add(app);
    for (const key of this.#inFlight?.timings ?? []) if (this.#timings.has(key)) this.#unsent.timings.add(key);
    const { apps, removed, timings } = this.#unsent;
    const sent = { removed: [...removed], timings: [...timings] };
    const names = next.full ? [...this.#apps.keys()] : [...apps];
    const report: ClusterReport = {
      number: next.number,
      full: next.full,
      slice: this.#slice?.number,
      applied: this.isApplied,
      apps: names.flatMap((name) => this.#apps.get(name)?.report ?? []),
      removed: next.full ? [] : sent.removed,
      timings: sent.timings.flatMap((key) => this.#timingOf(key, next.clockOffsetMs) ?? []),
      refusal: this.#refusal || this.#stall,
      ...(this.#left === undefined ? {} : { left: this.#left }),
    };
    this.#inFlight = sent;
    for (const set of [apps, removed, timings]) set.clear();
    return report;
  }

  /** The hub has stored the last report taken. */
  stored(): void {
    for (const key of this.#inFlight?.timings ?? []) {
      const isCurrent = this.#slice !== undefined && key === `${this.#slice.number.epoch}.${this.#slice.number.n}`;
      if (!isCurrent && !this.#unsent.timings.has(key) && this.#isPast(key)) this.#timings.delete(key);
    }
    this.#inFlight = undefined;
  }

  #isPast(key: string): boolean {
    const timing = this.#timings.get(key);
    if (timing === undefined || this.#slice === undefined) return false;
    return compareNumbers(timing.number, this.#slice.number) < 0;
  }

  #timingOf(key: string, clockOffsetMs: number): StepTimes<AgentStep> | undefined {
    const timing = this.#timings.get(key);
    if (timing === undefined) return undefined;
    const steps = Object.entries(timing.steps).map(([step, atMs]) => [step, atMs + clockOffsetMs]);
    return { number: timing.number, steps: Object.fromEntries(steps) };
  }
}
