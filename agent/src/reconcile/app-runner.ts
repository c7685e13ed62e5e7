import type { AgentStep } from "@axle/core/status/report.ts";
import { describeError } from "@axle/runtime/describe-error.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { UnreadablePack } from "../ports.ts";
import type { AppApplier } from "./app-applier.ts";
import type { AppBoard } from "./app-board.ts";
import type { AppPlan } from "./app-planner.ts";
import type { Observation } from "./observe-app.ts";
import { PAUSED_IN_CLUSTER } from "./object-policy.ts";
import type { Pruner, PrunePlan } from "./pruner.ts";
import type { ResolvedApp } from "./resolved-app.ts";
import type { SlicePass } from "./slice-pass.ts";
import type { StepTally } from "./step-tally.ts";

/**
 * How an app came out of a pass. `paused`: a person stopped it in the cluster. `late`: applied, not healthy in time. `pruning`: all
 * but deletions is done. `unread`: a pack of it could not be read; when it can be, another slice comes.
 */
export type AppOutcome = "done" | "pruning" | "late" | "failed" | "blocked" | "observed" | "paused" | "unread";

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
  /** How many objects the app's inventory holds. */
  readonly countOwned: (app: string) => number;
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
  /** By app, why what it lost is kept. */
  readonly kept: ReadonlyMap<string, string>;
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

  /** Leaves an app as the pass before left it: nobody asked for it. */
  keep(app: ResolvedApp, outcome: AppOutcome, pass: SlicePass): AppOutcome {
    const { name } = app.desired;
    for (const step of STEPS_TAKEN[outcome]) this.#options.steps.took(name, step);
    pass.finished(name, PROBLEMS[outcome]);
    return outcome;
  }

  async #run(app: ResolvedApp, context: RunContext): Promise<AppOutcome> {
    const { applier, board, pruner, steps, onApplied } = this.#options;
    const { pass, prunes, kept, accepted } = context;
    const { name, settings, revision, unreadable } = app.desired;
    if (this.#options.isPaused(name)) return this.#pause(app);
    if (unreadable !== undefined) {
      const objects = this.#options.countOwned(name);
      this.#set(app, { sync: "Blocked", message: sayUnreadable(unreadable), late: undefined, objects });
      return "unread";
    }
    const obstacle = this.#options.barrierTo(app) ?? (await this.#awaitDependencies(app, pass));
    pass.signal.throwIfAborted();
    if (obstacle !== undefined) {
      this.#set(app, { sync: "Blocked", message: obstacle, late: undefined });
      return "blocked";
    }
    let observed: AppPlan | undefined;
    const verdict = prunes.get(name);
    const isPrunedFirst = settings.sync.pruneFirst === true && settings.sync.mode === "auto";
    if (isPrunedFirst && verdict?.decision === "waits") await pruner.prune(name, verdict, pass.signal);
    const wasLate = board.get(name)?.late !== undefined && board.get(name)?.revision === revision;
    await applier.apply(app, pass, {
      accepted,
      planned: (plan) => {
        steps.took(name, "dry-run");
        observed = plan;
      },
      writing: () => this.#set(app, { sync: "Applying", message: "", late: undefined }),
      ...(isPrunedFirst && verdict?.decision === "allowed"
        ? { makeRoom: () => pruner.makeRoom(app.desired, verdict, { onAsked: onApplied, signal: pass.signal }) }
        : {}),
    });
    board.retain(name, app.ids);
    if (settings.sync.mode === "observe") {
      const observation = await this.#options.observe(app, observed ?? NOTHING, pass);
      this.#set(app, { sync: "Pending", ...observation });
      return "observed";
    }
    this.#set(app, { sync: "Applied", message: sayHeld(app) || (kept.get(name) ?? ""), plan: undefined });
    steps.took(name, "applied");
    onApplied();
    const isHealthy = wasLate ? board.isHealthy(name) : await this.#options.awaitHealth(app, pass.signal);
    if (!isHealthy) {
      this.#set(app, { late: `not healthy within ${Math.round(settings.sync.timeoutMs / 1000)} s` });
      return "late";
    }
    this.#set(app, { late: undefined });
    steps.took(name, "healthy");
    if (!isPrunedFirst || verdict?.decision !== "allowed") await pruner.prune(name, verdict, pass.signal);
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

/** Another try would change nothing. */
const ENDS: ReadonlySet<AppOutcome> = new Set<AppOutcome>(["done", "observed", "paused", "unread"]);
const FAILURES: ReadonlySet<AppOutcome> = new Set<AppOutcome>(["failed", "blocked", "paused", "unread"]);

export function isEnd(outcome: AppOutcome): boolean {
  return ENDS.has(outcome);
}

/** Whether the app is not as the slice says; undefined: nothing came of it. */
export function isFailure(outcome: AppOutcome | undefined): boolean {
  return outcome === undefined || FAILURES.has(outcome);
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
  unread: "a pack of it cannot be read",
};

/** What an app that came out so has behind it. */
const STEPS_TAKEN: Readonly<Record<AppOutcome, readonly AgentStep[]>> = {
  done: ["dry-run", "applied", "healthy"],
  pruning: ["dry-run", "applied", "healthy"],
  late: ["dry-run", "applied"],
  failed: [],
  blocked: [],
  observed: ["dry-run"],
  paused: [],
  unread: [],
};

const NOTHING: AppPlan = { writes: [], deferred: [], refusals: [] };

function sayHeld(app: ResolvedApp): string {
  const { held, revision } = app.desired;
  return held === undefined ? "" : `stays at revision ${revision}: ${held}`;
}

function sayUnreadable(packs: readonly UnreadablePack[]): string {
  return `${packs.map(({ reason }) => reason).join("; ")}; it is asked for again, and what is applied stays`;
}
