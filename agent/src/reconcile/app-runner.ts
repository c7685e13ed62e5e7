import { describeError } from "@axle/runtime/describe-error.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { AppApplier } from "./app-applier.ts";
import type { AppBoard } from "./app-board.ts";
import type { AppPlan } from "./app-planner.ts";
import type { Pruner, PrunePlan } from "./pruner.ts";
import type { ResolvedApp } from "./resolved-app.ts";
import type { SlicePass } from "./slice-pass.ts";
import type { StepTally } from "./step-tally.ts";

/** How an app came out of a pass. `late`: applied, not healthy in time. `pruning`: all but deletions is done. */
export type AppOutcome = "done" | "pruning" | "late" | "failed" | "blocked" | "observed";

export interface AppRunnerOptions {
  readonly applier: AppApplier;
  readonly board: AppBoard;
  readonly pruner: Pruner;
  readonly steps: StepTally;
  readonly log: Logger;
  /** True when the app became healthy within its time. */
  readonly awaitHealth: (app: ResolvedApp, signal: AbortSignal) => Promise<boolean>;
  /** The app's objects are written: their kinds have to be watched now. */
  readonly onApplied: () => void;
}

export interface RunContext {
  readonly pass: SlicePass;
  readonly prunes: PrunePlan;
  readonly accepted: Promise<void>;
}

/** One app through one pass. */
export class AppRunner {
  readonly #options: AppRunnerOptions;

  constructor(options: AppRunnerOptions) {
    this.#options = options;
  }

  /** Throws only the signal's reason, or that the server is away. */
  async run(app: ResolvedApp, context: RunContext): Promise<AppOutcome> {
    const { pass } = context;
    const { name } = app.desired;
    try {
      const outcome = await this.#run(app, context);
      pass.finished(name, PROBLEMS[outcome]);
      return outcome;
    } catch (error) {
      pass.finished(name, "it failed");
      pass.signal.throwIfAborted();
      if (error instanceof KubeError && error.isServerAway) throw error;
      this.#options.log.warn({ app: name, error }, "app failed");
      this.#set(app, { sync: "Failed", message: describeError(error), late: undefined });
      return "failed";
    }
  }

  async #run(app: ResolvedApp, context: RunContext): Promise<AppOutcome> {
    const { applier, board, pruner, steps, onApplied } = this.#options;
    const { pass, prunes, accepted } = context;
    const { name, settings, revision } = app.desired;
    const obstacle = await this.#awaitDependencies(app, pass);
    pass.signal.throwIfAborted();
    if (obstacle !== undefined) {
      this.#set(app, { sync: "Blocked", message: obstacle, late: undefined });
      return "blocked";
    }
    let observed: AppPlan | undefined;
    const wasLate = board.get(name)?.late !== undefined && board.get(name)?.revision === revision;
    await applier.apply(app, pass, {
      accepted,
      planned: (plan) => {
        steps.took(name, "dry-run");
        observed = plan;
      },
      writing: () => this.#set(app, { sync: "Applying", message: "", late: undefined }),
    });
    board.retain(name, app.ids);
    if (settings.sync.mode === "observe") {
      this.#set(app, { sync: "Pending", message: sayObserved(observed) });
      return "observed";
    }
    this.#set(app, { sync: "Applied", message: sayHeld(app) });
    steps.took(name, "applied");
    onApplied();
    const isHealthy = wasLate ? board.isHealthy(name) : await this.#options.awaitHealth(app, pass.signal);
    if (!isHealthy) {
      this.#set(app, { late: `not healthy within ${Math.round(settings.sync.timeoutMs / 1000)} s` });
      return "late";
    }
    this.#set(app, { late: undefined });
    steps.took(name, "healthy");
    await pruner.prune(name, prunes.get(name), pass.signal);
    return board.reportOf(name).pruning.length > 0 ? "pruning" : "done";
  }

  async #awaitDependencies(app: ResolvedApp, pass: SlicePass): Promise<string | undefined> {
    for (const dependency of app.desired.settings.dependsOn) {
      const problem = await pass.awaitReady(dependency);
      if (problem !== undefined) return `waits for app ${dependency}: ${problem}`;
    }
    return undefined;
  }

  #set(app: ResolvedApp, change: Parameters<AppBoard["set"]>[1]): void {
    const { name, revision, commit } = app.desired;
    this.#options.board.set(name, { revision, commit, objects: app.objects.length, ...change });
  }
}

/** Why an app that came out so cannot be built upon. */
const PROBLEMS: Readonly<Record<AppOutcome, string | undefined>> = {
  done: undefined,
  pruning: undefined,
  late: "it is not healthy",
  failed: "it failed",
  blocked: "it is blocked itself",
  observed: undefined,
};

function sayHeld(app: ResolvedApp): string {
  const { held, revision } = app.desired;
  return held === undefined ? "" : `stays at revision ${revision}: ${held}`;
}

function sayObserved(plan: AppPlan | undefined): string {
  const counts = { create: 0, adopt: 0, update: 0 };
  for (const { change } of plan?.writes ?? []) counts[change] += 1;
  return `observing: would create ${counts.create}, adopt ${counts.adopt}, change ${counts.update}`;
}
