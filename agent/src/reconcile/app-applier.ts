import { STAGES, compareForApply, stageOf } from "@axle/core/manifest/kind-order.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { describeId } from "./app-board.ts";
import type { AppClients } from "./app-clients.ts";
import type { AppPlan, AppPlanner, PlannedWrite } from "./app-planner.ts";
import { sayRefusal } from "./app-planner.ts";
import { awaitEstablished } from "./cluster-setup.ts";
import { eachBounded } from "./each-bounded.ts";
import type { InventoryStore } from "./inventory-store.ts";
import type { ObjectBook } from "./object-book.ts";
import type { OwnedObjects } from "./owned-objects.ts";
import { makeNamespace } from "./make-namespace.ts";
import { ReconcileError } from "./reconcile-error.ts";
import type { ResolvedApp } from "./resolved-app.ts";
import { runOf } from "./app-order.ts";
import type { PhaseRunner } from "./phase-runner.ts";
import type { SlicePass } from "./slice-pass.ts";

export interface AppApplierOptions {
  readonly client: KubeClient;
  readonly clients: AppClients;
  readonly guardrails: Guardrails;
  readonly book: ObjectBook;
  readonly owned: OwnedObjects;
  readonly planner: AppPlanner;
  readonly inventories: InventoryStore;
  readonly phases: PhaseRunner;
  /** The service account an app is applied as; undefined: the agent's own. */
  readonly accountOf: (app: string) => string | undefined;
}

export interface ApplyHooks {
  /** The dry-run is through; called with what would change. */
  readonly planned: (plan: AppPlan) => void;
  /** Resolves when the slice's number is stored: nothing is written before (S1). */
  readonly accepted: Promise<void>;
  /** About to write; not called when there is nothing to write. */
  readonly writing: () => void;
  /** Deletes what has to be gone before anything is written. */
  readonly makeRoom?: () => Promise<void>;
}

const CONCURRENCY = 16;
const ESTABLISH_TIMEOUT_MS = 60_000;
const MOST_NAMED = 5;

/** Applies one app: dry-run of all that may differ, inventory, then stage by stage. Objects that are as they should be cost nothing. */
export class AppApplier {
  readonly #options: AppApplierOptions;

  constructor(options: AppApplierOptions) {
    this.#options = options;
  }

  /** Throws a ReconcileError that says what was refused; then nothing was written, unless it could only be asked after a stage. */
  async apply(app: ResolvedApp, pass: SlicePass, hooks: ApplyHooks): Promise<void> {
    const { name, settings } = app.desired;
    assertUnclaimed(app, pass);
    const makesRoom = hooks.makeRoom !== undefined;
    let plan = await this.#plan(app, pass, makesRoom);
    if (settings.sync.mode === "observe") {
      hooks.planned(plan);
      return;
    }
    const isRefused = plan.refusals.length > 0 && plan.missing?.has(settings.namespace ?? "") === true;
    if (isRefused && (await this.#makeNamespace(app, pass, hooks.accepted))) {
      plan = await this.#plan(app, pass, makesRoom);
    }
    if (plan.refusals.length > 0) throw refusalOf(plan.refusals);
    assertEnds(app, pass, plan);
    hooks.planned(plan);
    const { inventories, phases, accountOf } = this.#options;
    const isWriting = isBusy(plan) || phases.pending(app).length > 0;
    if (isWriting) hooks.writing();
    await hooks.accepted;
    pass.signal.throwIfAborted();
    const run = runOf(app.desired);
    await inventories.add(name, app.ids, {
      prune: settings.sync.prune,
      run,
      account: accountOf(name),
      signal: pass.signal,
    });
    await hooks.makeRoom?.();
    await this.#write(app, pass, await this.#planContested(app, pass, plan));
  }

  async #makeNamespace(app: ResolvedApp, { slice, signal }: SlicePass, accepted: Promise<void>): Promise<boolean> {
    const { clients, guardrails } = this.#options;
    const { claims } = slice;
    try {
      return await makeNamespace({ app, client: clients.of(app.desired.name), guardrails, claims, accepted, signal });
    } catch (error) {
      signal.throwIfAborted();
      const failure = KubeError.from(error);
      if (failure.isServerAway) throw failure;
      throw refusalOf([`Namespace ${app.desired.settings.namespace ?? ""}: ${failure.message} (sync.createNamespace)`]);
    }
  }

  async #plan(app: ResolvedApp, pass: SlicePass, makesRoom: boolean): Promise<AppPlan> {
    const { book, planner, phases } = this.#options;
    const { name } = app.desired;
    const { order } = app;
    if (order !== undefined && order.problems.length > 0) throw refusalOf(order.problems);
    const objects = app.objects.filter(({ id, source }) => !book.isClean(id, name, source));
    const { loaded, providerOf, signal } = pass;
    const plan = await planner.plan({ app: name, objects, loaded, providerOf, makesRoom, signal });
    if (order === undefined) return plan;
    for (const id of order.unkeptIds) book.forget(id);
    return { ...plan, refusals: [...plan.refusals, ...(await phases.tryOut(app, providerOf, signal))] };
  }

  /** What was in their way is gone. */
  async #planContested(app: ResolvedApp, pass: SlicePass, plan: AppPlan): Promise<AppPlan> {
    const { contested = [] } = plan;
    if (contested.length === 0) return plan;
    const { loaded, providerOf, signal } = pass;
    const objects = contested.map(({ object }) => object);
    const again = await this.#options.planner.plan({ app: app.desired.name, objects, loaded, providerOf, signal });
    if (again.refusals.length > 0) throw refusalOf(again.refusals);
    return {
      writes: [...plan.writes, ...again.writes],
      deferred: [...plan.deferred, ...again.deferred],
      refusals: [],
    };
  }

  async #write(app: ResolvedApp, pass: SlicePass, plan: AppPlan): Promise<void> {
    const { order, desired } = app;
    const isFirst = ({ object }: PlannedWrite) =>
      order === undefined ? stageOf(object.source) === STAGES[0] : PREREQUISITES.has(object.source.kind);
    await this.#writeStages(app, pass, plan.writes.filter(isFirst));
    await this.#awaitKinds(plan.writes, pass);
    pass.founded(desired.name);
    const late = plan.deferred.length > 0 ? await this.#planDeferred(app, pass, plan) : [];
    const writes = [...plan.writes.filter((write) => !isFirst(write)), ...late];
    const write = (chosen: readonly PlannedWrite[]) => this.#writeStages(app, pass, chosen);
    if (order === undefined) await write(writes);
    else await this.#options.phases.run({ app, order, writes, write, signal: pass.signal });
  }

  async #writeStages(app: ResolvedApp, pass: SlicePass, writes: readonly PlannedWrite[]): Promise<void> {
    for (const stage of STAGES) {
      await this.#writeStage(app, { pass, writes: writes.filter((write) => stageOf(write.object.source) === stage) });
    }
  }

  async #writeStage(
    app: ResolvedApp,
    options: { readonly pass: SlicePass; readonly writes: readonly PlannedWrite[] },
  ): Promise<void> {
    const { signal } = options.pass;
    const sorted = options.writes.toSorted((a, b) => compareForApply(a.object.source, b.object.source));
    const refusals: string[] = [];
    for (const group of groupByKind(sorted)) {
      await eachBounded(group, CONCURRENCY, async ({ object, ...how }) => {
        try {
          await this.#options.owned.write({ ...object, app: app.desired.name, ...how, signal });
        } catch (error) {
          signal.throwIfAborted();
          const failure = KubeError.from(error);
          if (failure.isServerAway) throw failure;
          refusals.push(sayRefusal(object, failure));
        }
      });
      if (refusals.length > 0) throw refusalOf(refusals);
    }
  }

  async #awaitKinds(writes: readonly PlannedWrite[], pass: SlicePass): Promise<void> {
    const crds = writes.map(({ object }) => object.source).filter(({ kind }) => kind === "CustomResourceDefinition");
    if (crds.length === 0) return;
    await awaitEstablished(this.#options.client, { crds, signal: pass.signal, timeoutMs: ESTABLISH_TIMEOUT_MS });
  }

  /** Now that what they waited for is there. */
  async #planDeferred(app: ResolvedApp, pass: SlicePass, plan: AppPlan): Promise<readonly PlannedWrite[]> {
    const { name } = app.desired;
    for (const provider of new Set(plan.deferred.map((waiting) => waiting.provider))) {
      if (provider === name) continue;
      assertEnds(app, pass, plan);
      await pass.awaitFounded(name, provider);
    }
    pass.signal.throwIfAborted();
    const late = await this.#options.planner.plan({
      app: name,
      objects: plan.deferred.map(({ object }) => object),
      loaded: pass.loaded,
      providerOf: () => undefined,
      signal: pass.signal,
    });
    if (late.refusals.length > 0) throw refusalOf(late.refusals);
    return late.writes;
  }
}

function isBusy({ writes, deferred, contested = [] }: AppPlan): boolean {
  return writes.length + deferred.length + contested.length > 0;
}

/** Come before every phase: nothing that needs them could be applied, whatever its wave. */
const PREREQUISITES: ReadonlySet<string> = new Set(["Namespace", "CustomResourceDefinition"]);

function assertUnclaimed(app: ResolvedApp, pass: SlicePass): void {
  const { name } = app.desired;
  for (const id of app.ids) {
    const claimer = pass.slice.claims.get(id);
    if (claimer !== name) throw new ReconcileError("duplicate", `${id} is also declared by app ${claimer ?? "?"}`);
  }
}

/** Refuses to wait for an app that waits for this one. */
function assertEnds(app: ResolvedApp, pass: SlicePass, { deferred }: AppPlan): void {
  const { name } = app.desired;
  const endless = deferred.filter(({ provider }) => provider !== name && pass.awaits(provider, name));
  if (endless.length === 0) return;
  throw refusalOf(
    endless.map(
      ({ object, provider }) =>
        `${describeId(object.id)} needs what app ${provider} brings, which depends on this app: drop the dependency or move the object`,
    ),
  );
}

function* groupByKind(sorted: readonly PlannedWrite[]): Generator<readonly PlannedWrite[]> {
  let group: PlannedWrite[] = [];
  for (const write of sorted) {
    const [first] = group;
    if (first !== undefined && kindOf(first) !== kindOf(write)) {
      yield group;
      group = [];
    }
    group.push(write);
  }
  if (group.length > 0) yield group;
}

function kindOf(write: PlannedWrite): string {
  return `${write.object.source.apiVersion}/${write.object.source.kind}`;
}

function refusalOf(refusals: readonly string[]): ReconcileError {
  const named = refusals.slice(0, MOST_NAMED).join("; ");
  const more = refusals.length > MOST_NAMED ? `; and ${refusals.length - MOST_NAMED} more` : "";
  return new ReconcileError("refused", named + more);
}
