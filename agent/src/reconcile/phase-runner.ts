import { PHASES } from "@axle/core/manifest/hook.ts";
import type { ObjectId } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { AppBoard } from "./app-board.ts";
import { phaseOfHook, runOf, toSteps } from "./app-order.ts";
import type { AppHook, AppOrder, Step } from "./app-order.ts";
import type { PlannedWrite, ProviderOf } from "./app-planner.ts";
import { sayRefusal } from "./app-planner.ts";
import type { HookRunner } from "./hook-runner.ts";
import type { InventoryStore } from "./inventory-store.ts";
import { ReconcileError } from "./reconcile-error.ts";
import type { ResolvedApp } from "./resolved-app.ts";

export interface PhaseRunnerOptions {
  readonly hooks: HookRunner;
  readonly inventories: InventoryStore;
  readonly board: AppBoard;
  readonly log: Logger;
  /** True when these objects of the app became healthy within the time. */
  readonly awaitHealth: (
    app: string,
    wait: { readonly ids?: ReadonlySet<ObjectId>; readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<boolean>;
  /** Objects are written: their kinds have to be watched now. */
  readonly onApplied: () => void;
}

export interface PhaseRequest {
  readonly app: ResolvedApp;
  readonly order: AppOrder;
  /** Everything that differs, namespaces and definitions excepted: those are there. */
  readonly writes: readonly PlannedWrite[];
  readonly write: (writes: readonly PlannedWrite[]) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Applies an app whose objects say when: phase by phase, wave by wave, each only when the one before is healthy and its hooks are through. */
export class PhaseRunner {
  readonly #options: PhaseRunnerOptions;

  constructor(options: PhaseRunnerOptions) {
    this.#options = options;
  }

  /** Hooks that have yet to run for this revision of the app. */
  pending(app: ResolvedApp): readonly AppHook[] {
    const { inventories } = this.#options;
    const { name } = app.desired;
    const run = runOf(app.desired);
    const isNew = inventories.isNew(name, run);
    const isDue = (hook: AppHook) => phaseOfHook(hook, isNew) !== undefined && inventories.ranAt(name, hook.id) !== run;
    return app.order?.hooks.filter(isDue) ?? [];
  }

  /** What the server would not take of the hooks that have yet to run, in words. What waits for another app's namespace or kind is not asked about. */
  async tryOut(app: ResolvedApp, providerOf: ProviderOf, signal: AbortSignal): Promise<readonly string[]> {
    const refusals: string[] = [];
    for (const hook of this.pending(app)) {
      try {
        await this.#options.hooks.tryOut(hook, app.desired.name, signal);
      } catch (error) {
        signal.throwIfAborted();
        const failure = KubeError.from(error);
        if (failure.isServerAway) throw failure;
        const lacks = failure.code === "namespace-missing" ? "namespace" : "kind";
        const isLacking = failure.code === "namespace-missing" || failure.code === "kind-unknown";
        if (!isLacking || providerOf(hook, lacks) === undefined) refusals.push(sayRefusal(hook, failure));
      }
    }
    return refusals;
  }

  /** Throws a ReconcileError that says what failed or was not healthy in time; what comes after it is not written. */
  async run(request: PhaseRequest): Promise<void> {
    const { app, order, writes, signal } = request;
    const hooks = this.pending(app);
    const isNew = this.#options.inventories.isNew(app.desired.name, runOf(app.desired));
    const steps = toSteps(order, { writes, hooks, isNew });
    try {
      await this.#runSteps(steps, request);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeError && error.isServerAway)) await this.#runFailureHooks(request);
      throw error;
    }
  }

  async #runSteps(steps: readonly Step[], request: PhaseRequest): Promise<void> {
    const { app, signal } = request;
    const { onApplied } = this.#options;
    const endsAtMs = performance.now() + app.desired.settings.sync.timeoutMs;
    const earlier = new Set<ObjectId>();
    for (const phase of PHASES) {
      const inPhase = steps.filter((step) => step.phase === phase);
      for (const step of inPhase) {
        if (step.writes.length + step.hooks.length > 0) {
          await this.#awaitEarlier(step, { app, earlier, endsAtMs, signal });
          await request.write(step.writes);
          onApplied();
          for (const hook of step.hooks) await this.#runHook(hook, { app, endsAtMs, signal });
        }
        for (const id of step.ids) earlier.add(id);
      }
      const ended = inPhase.flatMap((step) => step.hooks);
      if (ended.length > 0) await this.#cleanUp(request, ended);
    }
  }

  async #awaitEarlier(
    step: Step,
    wait: {
      readonly app: ResolvedApp;
      readonly earlier: ReadonlySet<ObjectId>;
      readonly endsAtMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { app, earlier, endsAtMs, signal } = wait;
    const { board, awaitHealth } = this.#options;
    const { name, settings } = app.desired;
    const where = `wave ${step.wave} of phase ${step.phase}`;
    if (!board.isHealthy(name, earlier)) board.set(name, { message: `${where} waits for what comes before it` });
    const timeoutMs = Math.max(1, endsAtMs - performance.now());
    if (await awaitHealth(name, { ids: earlier, timeoutMs, signal })) return;
    const seconds = Math.round(settings.sync.timeoutMs / 1000);
    const { message } = board.healthOf(name);
    throw new ReconcileError("not-healthy", `${where} did not begin within ${seconds} s: ${message}`);
  }

  async #runHook(
    hook: AppHook,
    context: { readonly app: ResolvedApp; readonly endsAtMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { hooks, inventories, log } = this.#options;
    const { app, endsAtMs, signal } = context;
    const { name } = app.desired;
    const run = runOf(app.desired);
    const timeoutMs = Math.max(1, endsAtMs - performance.now());
    log.info({ app: name, hook: hook.id, run }, "hook runs");
    await hooks.run(hook, { app: name, run, timeoutMs, signal });
    await inventories.noteRun(name, hook.id, { run, hooks: app.order?.unkeptIds ?? new Set(), signal });
  }

  /** What one hook of a phase leaves may be needed by the next, so it goes when all are through. */
  async #cleanUp({ app, order, signal }: PhaseRequest, ended: readonly AppHook[]): Promise<void> {
    const { hooks, inventories } = this.#options;
    const { name } = app.desired;
    const isNew = inventories.isNew(name, runOf(app.desired));
    const phases = new Set(ended.map((hook) => phaseOfHook(hook, isNew)));
    for (const hook of order.hooks) {
      if (phases.has(phaseOfHook(hook, isNew))) await hooks.delete(hook, "succeeded", { app: name, signal });
    }
  }

  /** Best effort: what failed is what is reported. */
  async #runFailureHooks({ app, order, signal }: PhaseRequest): Promise<void> {
    const { inventories, hooks, log } = this.#options;
    const { name, settings } = app.desired;
    const run = runOf(app.desired);
    for (const hook of order.hooks.filter((each) => each.order.onFailure)) {
      if (inventories.ranAt(name, hook.id) === run) continue;
      try {
        const endsAtMs = performance.now() + settings.sync.timeoutMs;
        await this.#runHook(hook, { app, endsAtMs, signal });
        await hooks.delete(hook, "succeeded", { app: name, signal });
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ app: name, hook: hook.id, error }, "hook for a failed apply failed itself");
      }
    }
  }
}
