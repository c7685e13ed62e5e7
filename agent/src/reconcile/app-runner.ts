import { describeError } from "@axle/runtime/describe-error.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { AppApplier } from "./app-applier.ts";
import type { AppBoard } from "./app-board.ts";
import type { AppPlan } from "./app-planner.ts";
import type { Observation } from "./observe-app.ts";
import { PAUSED_IN_CLUSTER } from "./object-policy.ts";
import type { Pruner, PrunePlan } from "./pruner.ts";
import type { ResolvedApp } from "./resolved-app.ts";
import type { SlicePass } from "./slice-pass.ts";
import type { StepTally } from "./step-tally.ts";

/** How an app came out of a pass. `paused`: a person stopped it in the cluster. `late`: applied, not healthy in time. `pruning`: all but deletions is done. */
export type AppOutcome = "done" | "pruning" | "late" | "failed" | "blocked" | "observed" | "paused";

export interface AppRunnerOptions {
  readonly applier: AppApplier;
  readonly board: AppBoard;
  readonly pruner: Pruner;
  readonly steps: StepTally;
  readonly log: Logger;
  /** Why the cluster's owner does not let the app be applied. */
  readonly barrierTo: (app: ResolvedApp) => string | undefined;
  /** Whether a person paused the app in the cluster. */
  readonly isPaused: (app: string) => boolean;
  /** What an app would do that is only observed. */
  readonly observe: (app: ResolvedApp, plan: AppPlan, pass: SlicePass) => Promise<Observation>;
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
      if (this.#options.isPaused(name)) return this.#pause(app);
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
    if (this.#options.isPaused(name)) return this.#pause(app);
    const obstacle = this.#options.barrierTo(app) ?? (await this.#awaitDependencies(app, pass));
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
      const observation = await this.#options.observe(app, observed ?? NOTHING, pass);
      this.#set(app, { sync: "Pending", ...observation });
      return "observed";
    }
    this.#set(app, { sync: "Applied", message: sayHeld(app), plan: undefined });
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

  #pause(app: ResolvedApp): AppOutcome {
    this.#set(app, { sync: "Blocked", message: PAUSED_IN_CLUSTER, late: undefined });
    return "paused";
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
    this.#options.board.set(name, { revision, commit, objects: app.ids.size, ...change });
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
  paused: PAUSED_IN_CLUSTER,
};

const NOTHING: AppPlan = { writes: [], deferred: [], refusals: [] };

function sayHeld(app: ResolvedApp): string {
  const { held, revision } = app.desired;
  return held === undefined ? "" : `stays at revision ${revision}: ${held}`;
}
