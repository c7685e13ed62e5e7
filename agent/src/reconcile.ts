import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { DesiredState, ReconcileOutcome, Reconciler, SyncRequest } from "./ports.ts";
import type { AppOutcome, AppRunner } from "./reconcile/app-runner.ts";
import { isEnd, isFailure } from "./reconcile/app-runner.ts";
import { setUpCluster } from "./reconcile/cluster-setup.ts";
import { verifyCluster } from "./reconcile/cluster-verifier.ts";
import { FleetLeaver } from "./reconcile/fleet-leaver.ts";
import { removeGoneApps } from "./reconcile/gone-apps.ts";
import { loadUnknown } from "./reconcile/load-unknown.ts";
import { makeRunner } from "./reconcile/make-runner.ts";
import { sayKept } from "./reconcile/prune-obstacle.ts";
import type { PrunePlan } from "./reconcile/pruner.ts";
import { makeParts } from "./reconcile/reconciler-parts.ts";
import type { KubeReconcilerOptions, ReconcilerParts } from "./reconcile/reconciler-parts.ts";
import { SliceResolver } from "./reconcile/resolved-app.ts";
import type { ResolvedSlice } from "./reconcile/resolved-app.ts";
import { SlicePass } from "./reconcile/slice-pass.ts";
import { StepTally } from "./reconcile/step-tally.ts";
import { stopTogether } from "./reconcile/stop-together.ts";

/** By app. */
type Outcomes = ReadonlyMap<string, AppOutcome>;

const NOTHING: SyncRequest = { apps: new Set(), only: false };

/** The app is applied and was healthy. */
const HEALTHY: ReadonlySet<AppOutcome | undefined> = new Set<AppOutcome>(["done", "pruning"]);

/** Whether an app that never was well here still is not. */
function isFailing(outcome: AppOutcome | undefined): boolean {
  return isFailure(outcome) || outcome === "late";
}

/** Every app has done what it could. */
interface EndedPass {
  readonly slice: ResolvedSlice;
  readonly prunes: PrunePlan;
  readonly outcomes: Outcomes;
}

/**
 * Makes the cluster match a slice. Each app by itself, those without dependencies between them at once: dry-run of what
 * changed -> inventory as the union of old and new -> apply in stages -> health -> prune -> inventory as the new set.
 * What is clean is known from our own applies and from watches, so an app that did not change costs no request; the
 * rejected alternative, reading everything each time, costs seconds for a thousand objects.
 *
 * The parts are in reconcile/: `reconciler-parts` what lives between passes, `make-runner` what takes an app through
 * one, `current-slice` what the slice says, `own-events` what watches tell beside drift.
 */
export class KubeReconciler implements Reconciler {
  readonly #options: KubeReconcilerOptions;
  readonly #parts: ReconcilerParts;
  readonly #resolver: SliceResolver;
  readonly #runner: AppRunner;
  readonly #steps: StepTally;
  readonly #leaver: FleetLeaver;
  /** Of the last pass that ended. */
  #outcomes: Outcomes = new Map();
  #setUp: Promise<void> | undefined;

  constructor(options: KubeReconcilerOptions) {
    const { client, events, now = Date.now } = options;
    this.#options = options;
    this.#parts = makeParts(options);
    this.#resolver = new SliceResolver(client.discovery);
    this.#steps = new StepTally((number, step, atMs) => events.step(number, step, atMs), now);
    this.#runner = makeRunner(options, this.#parts, this.#steps);
    this.#leaver = new FleetLeaver({ ...options, ...this.#parts, events });
  }

  async readAccepted(signal: AbortSignal): Promise<SliceNumber | undefined> {
    return this.#parts.store.read(signal);
  }

  async writeAccepted(number: SliceNumber, signal: AbortSignal): Promise<void> {
    await this.#prepare(signal);
    await this.#parts.store.accept(number, signal);
  }

  async watch(signal: AbortSignal): Promise<void> {
    const { ownEvents, watches, corrector, status, events } = this.#parts;
    ownEvents.begin(signal);
    await Promise.all([watches.run(signal), corrector.run(signal), status.run(signal), events.run(signal)]);
  }

  /** The full comparison by dry-run, from time to time. What differs is drift. */
  async verifyAll(signal: AbortSignal): Promise<void> {
    const { clients, book, owned } = this.#parts;
    await verifyCluster({ client: this.#options.client, clients, book, owned, signal });
  }

  async reconcile(desired: DesiredState, signal: AbortSignal, asked: SyncRequest = NOTHING): Promise<ReconcileOutcome> {
    const { store, slice: current, pruner, book, inventories } = this.#parts;
    await this.#prepare(signal);
    const accepted = store.accept(desired.number, signal);
    // Awaited before the first write; a failure must not be unhandled until then.
    accepted.catch(() => undefined);
    const slice = await this.#resolver.resolve(desired);
    current.begin(desired, slice);
    current.doubt(asked.apps);
    if (desired.leaving !== undefined) {
      await accepted;
      return this.#leaver.leave(desired.leaving, signal);
    }
    this.#steps.begin(desired.number, desired.apps.length);
    const loaded = await loadUnknown(slice, { ...this.#options, ...this.#parts }, signal);
    await pruner.inspect(slice, signal);
    const prunes = pruner.plan(desired, slice, store.usedApprovals);
    const kept = sayKept(slice, inventories);
    await this.#notePrune(desired, accepted, signal);
    const ended = await stopTogether(signal, (during) => {
      const pass = new SlicePass({ slice, loaded, book, signal: during });
      return slice.apps.map(async (app): Promise<[string, AppOutcome]> => {
        const { name } = app.desired;
        const before = asked.only && !asked.apps.has(name) ? this.#outcomes.get(name) : undefined;
        if (before !== undefined) return [name, this.#runner.keep(app, before, pass)];
        return [name, await this.#runner.run(app, { pass, prunes, kept, accepted })];
      });
    });
    await accepted;
    this.#outcomes = new Map(ended);
    const left = await this.#finish({ slice, prunes, outcomes: this.#outcomes }, signal);
    return this.#outcomeOf(desired, left);
  }

  /** Once: our kinds, what we accepted, what we own. Tried again by the next pass when it fails. */
  async #prepare(signal: AbortSignal): Promise<void> {
    const { store, budget, inventories } = this.#parts;
    const setUp = (this.#setUp ??= (async () => {
      await setUpCluster(this.#options.client, signal);
      await store.read(signal);
      budget.restore(store.deletions);
      await inventories.load(signal);
    })());
    try {
      await setUp;
    } catch (error) {
      if (this.#setUp === setUp) this.#setUp = undefined;
      throw error;
    }
  }

  /** Git's last word on pruning is stored though the app fails with it: an app that leaves later goes by it. */
  async #notePrune(desired: DesiredState, accepted: Promise<void>, signal: AbortSignal): Promise<void> {
    const { inventories } = this.#parts;
    const held = new Set(inventories.apps);
    for (const { name, settings } of desired.apps) {
      const prune = settings.sync.prune && settings.sync.mode !== "observe";
      if (!held.has(name) || inventories.prunes(name) === prune) continue;
      await accepted;
      await inventories.notePrune(name, prune, signal);
    }
  }

  /** What concerns all apps at once, when each has done what it could. Returns the apps that have something left to do. */
  async #finish(ended: EndedPass, signal: AbortSignal): Promise<readonly string[]> {
    const { slice, prunes, outcomes } = ended;
    const { inventories, board, pruner, status, watchOwned, strays } = this.#parts;
    for (const [app, outcome] of outcomes) {
      if (HEALTHY.has(outcome) && inventories.settle(app)) status.app(board.reportOf(app));
    }
    for (const app of inventories.apps) await pruner.handOver(app, slice, signal);
    const left = await removeGoneApps({
      slice,
      prunes,
      signal,
      inventories,
      board,
      pruner,
      newcomersFailed: slice.apps
        .map(({ desired }) => desired.name)
        .filter((app) => isFailing(outcomes.get(app)) && !inventories.isSettled(app)),
    });
    watchOwned();
    strays.judgeAgain();
    await board.settled();
    return left;
  }

  #outcomeOf(desired: DesiredState, left: readonly string[]): ReconcileOutcome {
    const outcomes = this.#outcomes;
    const applied = [...outcomes.values()].every((outcome) => !isFailure(outcome));
    const retry = [...outcomes].filter(([, outcome]) => !isEnd(outcome));
    if (applied) this.#parts.status.applied(desired.number);
    if (applied && retry.length === 0 && left.length === 0) this.#steps.done("pruned");
    return { applied, retry: [...retry.map(([app]) => app), ...left] };
  }
}
