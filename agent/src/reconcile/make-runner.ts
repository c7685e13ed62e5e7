import { NO_GUARDRAILS } from "@axle/core/guard/guardrails.ts";
import { AppApplier } from "./app-applier.ts";
import { AppPlanner } from "./app-planner.ts";
import { AppRunner } from "./app-runner.ts";
import { awaitHealth } from "./await-health.ts";
import { HookRunner } from "./hook-runner.ts";
import { observeApp } from "./observe-app.ts";
import { PhaseRunner } from "./phase-runner.ts";
import type { PhaseRunnerOptions } from "./phase-runner.ts";
import type { KubeReconcilerOptions, ReconcilerParts } from "./reconciler-parts.ts";
import type { StepTally } from "./step-tally.ts";

/** What takes one app through one pass: plan, apply in stages and phases, hooks, health. */
export function makeRunner(options: KubeReconcilerOptions, parts: ReconcilerParts, steps: StepTally): AppRunner {
  const { client, cluster, log, guardrails = NO_GUARDRAILS, now = Date.now } = options;
  const { slice, book, board, inventories, clients, owned, watches, watchOwned, pruner, accountOf } = parts;
  const awaitHealthOf: PhaseRunnerOptions["awaitHealth"] = (app, wait) =>
    awaitHealth({ app, ...wait, board, book, owned, isWatched: (kind) => watches.isLive(kind) });
  const planner = new AppPlanner({
    client,
    clients,
    cluster,
    book,
    owned,
    settingsOf: (app) => slice.settingsOf(app),
    recreations: pruner.recreations,
  });
  const phases = new PhaseRunner({
    hooks: new HookRunner({ clients, cluster, board, now }),
    inventories,
    board,
    log,
    awaitHealth: awaitHealthOf,
    onApplied: watchOwned,
  });
  return new AppRunner({
    applier: new AppApplier({ client, clients, guardrails, book, owned, planner, inventories, phases, accountOf }),
    board,
    pruner,
    steps,
    log,
    isPaused: (app) => inventories.isPaused(app),
    countOwned: (app) => inventories.idsOf(app).length,
    observe: (app, plan, pass) =>
      observeApp({
        client,
        cluster,
        app,
        plan,
        isDeclared: (id) => pass.slice.claims.has(id),
        signal: pass.signal,
      }),
    barrierTo: (app) => slice.barrierTo(app.desired.name),
    onApplied: watchOwned,
    awaitHealth: ({ desired }, signal) =>
      awaitHealthOf(desired.name, { timeoutMs: desired.settings.sync.timeoutMs, signal }),
  });
}
