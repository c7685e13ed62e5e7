import type { AppSettings } from "@axle/core/fleet/app.ts";
import { NO_GUARDRAILS, barrierTo } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { DeletionApproval, SliceNumber } from "@axle/core/slice/slice.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { KubeClient } from "./adapters/kube/kube-client.ts";
import type { DesiredState, ReconcileEvents, ReconcileOutcome, Reconciler } from "./ports.ts";
import { ownerOf } from "./reconcile/adoption.ts";
import { AgentStore } from "./reconcile/agent-store.ts";
import { AppApplier } from "./reconcile/app-applier.ts";
import { AppBoard } from "./reconcile/app-board.ts";
import { AppChecks } from "./reconcile/app-checks.ts";
import { AppClients } from "./reconcile/app-clients.ts";
import { AppPlanner } from "./reconcile/app-planner.ts";
import { AppRunner } from "./reconcile/app-runner.ts";
import type { AppOutcome } from "./reconcile/app-runner.ts";
import { awaitHealth } from "./reconcile/await-health.ts";
import { setUpCluster } from "./reconcile/cluster-setup.ts";
import { verifyCluster } from "./reconcile/cluster-verifier.ts";
import { DeletionBudget } from "./reconcile/deletion-budget.ts";
import { deepEqual } from "./reconcile/deep-equal.ts";
import { DriftCorrector } from "./reconcile/drift-corrector.ts";
import { EventWriter } from "./reconcile/event-writer.ts";
import { forgetDeleted, removeGoneApps } from "./reconcile/gone-apps.ts";
import { INVENTORY_KIND, InventoryStore } from "./reconcile/inventory-store.ts";
import { autoscaledBy, rulesFor } from "./reconcile/ignored-fields.ts";
import { loadLive } from "./reconcile/live-loader.ts";
import { observeApp } from "./reconcile/observe-app.ts";
import { ObjectBook } from "./reconcile/object-book.ts";
import { OwnedObjects } from "./reconcile/owned-objects.ts";
import { isSurelyApplied } from "./reconcile/owned-state.ts";
import { OwnedWatches } from "./reconcile/owned-watches.ts";
import { HookRunner } from "./reconcile/hook-runner.ts";
import { PhaseRunner } from "./reconcile/phase-runner.ts";
import type { PhaseRunnerOptions } from "./reconcile/phase-runner.ts";
import { PAUSED_IN_CLUSTER, isLeftAlone } from "./reconcile/object-policy.ts";
import { FIELD_MANAGER } from "./reconcile/ownership-mark.ts";
import { Pruner } from "./reconcile/pruner.ts";
import type { PrunePlan } from "./reconcile/pruner.ts";
import { SliceResolver } from "./reconcile/resolved-app.ts";
import type { ResolvedSlice } from "./reconcile/resolved-app.ts";
import { SlicePass } from "./reconcile/slice-pass.ts";
import { StatusWriter } from "./reconcile/status-writer.ts";
import { StepTally } from "./reconcile/step-tally.ts";
import { stopTogether } from "./reconcile/stop-together.ts";

export interface KubeReconcilerOptions {
  readonly client: KubeClient;
  /** Id of the cluster, in every mark. */
  readonly cluster: string;
  readonly events: ReconcileEvents;
  readonly log: Logger;
  readonly now?: () => number;
  /** The hub's clock as far as the session knows it: approvals expire by it. */
  readonly hubNow?: () => number;
  /** What the cluster's owner does not let the agent do. */
  readonly guardrails?: Guardrails;
  /** Service account, `namespace/name`, that apps are applied as which name none; the agent's own when not given. */
  readonly account?: string | undefined;
  /** Something that a pass left undone can be done now. */
  readonly onPassWanted?: () => void;
}

type Outcomes = ReadonlyMap<string, AppOutcome>;

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
 */
export class KubeReconciler implements Reconciler {
  readonly #options: KubeReconcilerOptions;
  readonly #book = new ObjectBook();
  readonly #board: AppBoard;
  readonly #store: AgentStore;
  readonly #inventories: InventoryStore;
  readonly #owned: OwnedObjects;
  readonly #corrector: DriftCorrector;
  readonly #watches: OwnedWatches;
  readonly #status: StatusWriter;
  readonly #events: EventWriter;
  readonly #resolver: SliceResolver;
  readonly #runner: AppRunner;
  readonly #budget: DeletionBudget;
  readonly #clients: AppClients;
  readonly #pruner: Pruner;
  readonly #steps: StepTally;
  readonly #checks = new AppChecks();
  #settings: ReadonlyMap<string, AppSettings> = new Map();
  /** What the packs of the slice have. */
  #claims: ReadonlyMap<ObjectId, string> = new Map();
  /** Why guardrails keep apps of the slice from being applied. */
  #barriers: ReadonlyMap<string, string> = new Map();
  /** What autoscalers of the slice aim at. */
  #autoscaled: ReadonlySet<ObjectId> = new Set();
  #approvals: readonly DeletionApproval[] = [];
  #setUp: Promise<void> | undefined;
  #watching: AbortSignal | undefined;

  constructor(options: KubeReconcilerOptions) {
    const { client, cluster, events, log, now = Date.now, hubNow = now, guardrails = NO_GUARDRAILS, account } = options;
    this.#options = options;
    const book = this.#book;
    this.#store = new AgentStore(client, cluster);
    this.#inventories = new InventoryStore(client, cluster);
    this.#status = new StatusWriter({ store: this.#store, inventories: this.#inventories, log });
    this.#events = new EventWriter({ client, inventories: this.#inventories, log, now });
    const accountOf = (app: string) => {
      const settings = this.#settings.get(app);
      return settings === undefined ? this.#inventories.accountOf(app) : (settings.sync.serviceAccount ?? account);
    };
    const clients = new AppClients({ client, accountOf });
    this.#clients = clients;
    const isAppPaused = (app: string) => this.#inventories.isPaused(app);
    const board = new AppBoard({
      app: (report) => {
        this.#status.app(report);
        this.#events.app(report);
        events.app(report);
      },
      appGone: (app) => {
        this.#status.appGone(app);
        this.#events.appGone(app);
        events.appGone(app);
      },
    });
    this.#board = board;
    this.#corrector = new DriftCorrector({
      book,
      board,
      log,
      now,
      owned: () => this.#owned,
      settingsOf: (app) => this.#settings.get(app),
      isDeclared: (id) => this.#claims.has(id) && !this.#barriers.has(this.#claims.get(id) ?? ""),
      isAppPaused,
    });
    this.#owned = new OwnedObjects({
      client,
      clients,
      cluster,
      book,
      board,
      now,
      checksOf: (app) => this.#checks.of(app),
      isAppPaused,
      yieldingOf: ({ id, app, source }) => ({
        rules: rulesFor(source, this.#settings.get(app)?.ignoreDifferences ?? []),
        autoscaled: this.#autoscaled.has(id),
      }),
      onDrift: (known, live) => this.#corrector.found(known, live),
      onUnknown: (known, live, found) => this.#corrector.foundUnknown(known, live, found),
      onDoubt: (id) => this.#corrector.doubt(id),
      onEvent: (id, live) => this.#onEvent(id, live),
      onListed: (kind, ids) => {
        for (const id of this.#pruner.missing(kind, ids)) this.#onEvent(id, undefined);
      },
    });
    const [owned, inventories] = [this.#owned, this.#inventories];
    this.#watches = new OwnedWatches({ client, sink: owned, log });
    this.#resolver = new SliceResolver(client.discovery);
    this.#budget = new DeletionBudget({
      perHour: guardrails.deletionsPerHour,
      now,
      save: (deletions, signal) => this.#store.writeStatus({ deletions }, signal),
    });
    this.#pruner = new Pruner({
      client,
      clients,
      cluster,
      book,
      board,
      inventories,
      guardrails,
      budget: this.#budget,
      log,
      hubNow,
      useApprovals: (ids, signal) => {
        const used = this.#approvals.filter(({ id }) => ids.has(id));
        return this.#store.useApprovals(used, { nowMs: hubNow(), signal });
      },
    });
    this.#steps = new StepTally((number, step, atMs) => events.step(number, step, atMs), now);
    const planner = new AppPlanner({
      client,
      clients,
      cluster,
      book,
      owned,
      settingsOf: (app) => this.#settings.get(app),
    });
    const awaitHealthOf: PhaseRunnerOptions["awaitHealth"] = (app, wait) =>
      awaitHealth({ app, ...wait, board, book, owned, isWatched: (kind) => this.#watches.isLive(kind) });
    const phases = new PhaseRunner({
      hooks: new HookRunner({ clients, cluster, board, now }),
      inventories,
      board,
      log,
      awaitHealth: awaitHealthOf,
      onApplied: () => this.#watchOwned(),
    });
    this.#runner = new AppRunner({
      applier: new AppApplier({ client, book, owned, planner, inventories, phases, accountOf }),
      board,
      pruner: this.#pruner,
      steps: this.#steps,
      log,
      isPaused: isAppPaused,
      observe: (app, plan, { slice, signal }) =>
        observeApp({ client, cluster, app, plan, isDeclared: (id) => slice.claims.has(id), signal }),
      barrierTo: (app) => this.#barriers.get(app.desired.name),
      onApplied: () => this.#watchOwned(),
      awaitHealth: ({ desired }, signal) =>
        awaitHealthOf(desired.name, { timeoutMs: desired.settings.sync.timeoutMs, signal }),
    });
  }

  async readAccepted(signal: AbortSignal): Promise<SliceNumber | undefined> {
    return this.#store.read(signal);
  }

  async writeAccepted(number: SliceNumber, signal: AbortSignal): Promise<void> {
    await this.#prepare(signal);
    await this.#store.accept(number, signal);
  }

  async watch(signal: AbortSignal): Promise<void> {
    this.#watching = signal;
    await Promise.all([
      this.#watches.run(signal),
      this.#corrector.run(signal),
      this.#status.run(signal),
      this.#events.run(signal),
    ]);
  }

  /** The full comparison by dry-run, from time to time. What differs is drift. */
  async verifyAll(signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    await verifyCluster({ client, clients: this.#clients, book: this.#book, owned: this.#owned, signal });
  }

  async reconcile(desired: DesiredState, signal: AbortSignal): Promise<ReconcileOutcome> {
    await this.#prepare(signal);
    const accepted = this.#store.accept(desired.number, signal);
    // Awaited before the first write; a failure must not be unhandled until then.
    accepted.catch(() => undefined);
    const slice = await this.#resolver.resolve(desired);
    const before = this.#settings;
    this.#settings = new Map(desired.apps.map((app) => [app.name, app.settings]));
    this.#claims = slice.claims;
    this.#doubtYielding(before, slice);
    this.#doubtHealth(this.#checks.replace(this.#settings));
    this.#barriers = barriersIn(slice, this.#options.guardrails);
    this.#steps.begin(desired.number, desired.apps.length);
    const loaded = await this.#loadUnknown(slice, signal);
    this.#approvals = desired.approvals;
    await this.#pruner.inspect(slice, signal);
    const prunes = this.#pruner.plan(desired, slice, this.#store.usedApprovals);
    const outcomes = await stopTogether(signal, (during) => {
      const pass = new SlicePass({ slice, loaded, book: this.#book, signal: during });
      return slice.apps.map(async (app): Promise<[string, AppOutcome]> => {
        const outcome = await this.#runner.run(app, { pass, prunes, accepted });
        return [app.desired.name, outcome];
      });
    });
    await accepted;
    const left = await this.#finish({ slice, prunes, outcomes: new Map(outcomes) }, signal);
    return this.#outcomeOf(desired, new Map(outcomes), left);
  }

  /** Where other fields are others' to set than before, objects that had or now have such fields are looked at again. */
  #doubtYielding(before: ReadonlyMap<string, AppSettings>, slice: ResolvedSlice): void {
    const autoscaled = autoscaledBy(slice.apps.flatMap((app) => app.objects));
    const rulesOf = (settings: AppSettings | undefined) => settings?.ignoreDifferences ?? [];
    const changed = new Set(
      [...this.#settings]
        .filter(([app, now]) => !deepEqual(rulesOf(before.get(app)), rulesOf(now)))
        .map(([app]) => app),
    );
    for (const known of this.#book.values()) {
      const { id, app, yields, standing } = known;
      const isOther = changed.has(app) || this.#autoscaled.has(id) !== autoscaled.has(id);
      if (isOther && yields && standing === "clean") this.#book.update(id, { standing: "unsure" });
    }
    this.#autoscaled = autoscaled;
  }

  /** Live objects are not kept, so those of an app with other rules than before are looked at again. */
  #doubtHealth(apps: ReadonlySet<string>): void {
    if (apps.size === 0) return;
    for (const { id, app, standing } of this.#book.values()) {
      if (apps.has(app) && standing === "clean") this.#book.update(id, { standing: "unsure" });
    }
  }

  /** Once: our kinds, what we accepted, what we own. Tried again by the next pass when it fails. */
  async #prepare(signal: AbortSignal): Promise<void> {
    const setUp = (this.#setUp ??= (async () => {
      await setUpCluster(this.#options.client, signal);
      await this.#store.read(signal);
      this.#budget.restore(this.#store.deletions);
      await this.#inventories.load(signal);
    })());
    try {
      await setUp;
    } catch (error) {
      if (this.#setUp === setUp) this.#setUp = undefined;
      throw error;
    }
  }

  /** After a start: what an inventory holds and we know nothing of is looked up, and need not be dry-run where it is surely as it should be. */
  async #loadUnknown(slice: ResolvedSlice, signal: AbortSignal): Promise<ReadonlyMap<ObjectId, KubeObject>> {
    const loaded = new Map<ObjectId, KubeObject>();
    const { client, cluster } = this.#options;
    const held = new Set(this.#inventories.apps.flatMap((app) => this.#inventories.idsOf(app)));
    const appOf = slice.claims;
    const unknown = slice.apps
      .flatMap((app) => app.objects)
      .filter(({ id }) => this.#book.get(id) === undefined && held.has(id));
    await loadLive(client, {
      objects: unknown,
      signal,
      onLive: ({ id, source }, live) => {
        const app = appOf.get(id) ?? "";
        const isOurs = ownerOf(live, cluster).kind === "ours" && !isLeftAlone(source, live);
        const isSure = isOurs && isSurelyApplied(this.#owned.prepare({ id, app, source }, live), live, FIELD_MANAGER);
        if (isSure) this.#owned.settle(id, app, { source, live });
        else loaded.set(id, live);
      },
    });
    return loaded;
  }

  /** What concerns all apps at once, when each has done what it could. Returns the apps that have something left to do. */
  async #finish(ended: EndedPass, signal: AbortSignal): Promise<readonly string[]> {
    const { slice, prunes, outcomes } = ended;
    for (const app of this.#inventories.apps) await this.#pruner.handOver(app, slice, signal);
    const left = await removeGoneApps({
      slice,
      prunes,
      signal,
      inventories: this.#inventories,
      board: this.#board,
      pruner: this.#pruner,
      newcomersFailed: slice.apps
        .map(({ desired }) => desired.name)
        .filter((app) => isFailure(outcomes.get(app)) && this.#inventories.idsOf(app).length === 0),
    });
    this.#watchOwned();
    await this.#board.settled();
    return left;
  }

  #outcomeOf(desired: DesiredState, outcomes: Outcomes, left: readonly string[]): ReconcileOutcome {
    const applied = [...outcomes.values()].every((outcome) => !isFailure(outcome));
    const retry = [...outcomes].filter(([, outcome]) => !ENDS.has(outcome));
    if (applied) this.#status.applied(desired.number);
    if (applied && retry.length === 0 && left.length === 0) this.#steps.done("pruned");
    return { applied, retry: [...retry.map(([app]) => app), ...left] };
  }

  #watchOwned(): void {
    this.#watches.want([...this.#book.kinds, ...this.#pruner.kinds, INVENTORY_KIND]);
  }

  #onEvent(id: ObjectId, live: KubeObject | undefined): void {
    if (live !== undefined && `${live.apiVersion}/${live.kind}` === INVENTORY_KIND) this.#onInventory(live);
    const asked = this.#pruner.observe(id, live);
    const signal = this.#watching;
    if (live !== undefined || signal === undefined || this.#claims.has(id)) return;
    const [inventories, board] = [this.#inventories, this.#board];
    const holders = asked === undefined ? inventories.apps.filter((app) => inventories.has(app, id)) : [asked];
    for (const app of holders) {
      this.#book.forget(id);
      const isGone = !this.#settings.has(app);
      forgetDeleted({ app, id, inventories, board, isGone }, signal).catch((error: unknown) =>
        this.#options.log.warn({ app, object: id, error }, "inventory not updated, left to the next pass"),
      );
    }
  }

  /** A person pauses an app, or lets it go on, by an annotation on its inventory: at once, whatever runs. */
  #onInventory(live: KubeObject): void {
    const change = this.#inventories.observe(live);
    if (change === undefined) return;
    const { app, paused } = change;
    this.#options.log.info({ app, paused }, "app paused or resumed in the cluster");
    if (paused) this.#board.set(app, { sync: "Blocked", message: PAUSED_IN_CLUSTER });
    else this.#options.onPassWanted?.();
  }
}

/** Another try would change nothing. */
const ENDS: ReadonlySet<AppOutcome> = new Set<AppOutcome>(["done", "observed", "paused"]);

function barriersIn(slice: ResolvedSlice, guardrails: Guardrails | undefined): ReadonlyMap<string, string> {
  if (guardrails === undefined) return new Map();
  return new Map(
    slice.apps.flatMap(({ desired, possibleIds }) => {
      const barrier = barrierTo(possibleIds, guardrails);
      return barrier === undefined ? [] : [[desired.name, barrier]];
    }),
  );
}

function isFailure(outcome: AppOutcome | undefined): boolean {
  return outcome === undefined || outcome === "failed" || outcome === "blocked" || outcome === "paused";
}
