import type { ObjectId } from "@axle/core/manifest/object.ts";
import type { AppBoard } from "./app-board.ts";
import type { InventoryStore } from "./inventory-store.ts";
import { PAUSED_IN_CLUSTER } from "./object-policy.ts";
import { pruneObstacle } from "./prune-obstacle.ts";
import type { Pruner, PrunePlan } from "./pruner.ts";
import type { ResolvedSlice } from "./resolved-app.ts";

export interface GoneAppsOptions {
  readonly slice: ResolvedSlice;
  readonly prunes: PrunePlan;
  readonly inventories: InventoryStore;
  readonly board: AppBoard;
  readonly pruner: Pruner;
  /** Apps that were never applied and healthy here, and are not now: what they may replace is kept until they are. */
  readonly newcomersFailed: readonly string[];
  readonly signal: AbortSignal;
}

/** Takes away apps that have an inventory and are not in the slice. Returns those that still own something. */
export async function removeGoneApps(options: GoneAppsOptions): Promise<readonly string[]> {
  const { slice, prunes, inventories, board, pruner, newcomersFailed, signal } = options;
  const present = new Set(slice.apps.map((app) => app.desired.name));
  const left: string[] = [];
  for (const app of inventories.apps.filter((name) => !present.has(name))) {
    if (inventories.isPaused(app)) {
      board.set(app, { sync: "Blocked", message: PAUSED_IN_CLUSTER, objects: inventories.idsOf(app).length });
      continue;
    }
    const verdict = prunes.get(app);
    const waits = sayWait(slice, newcomersFailed) ?? (verdict?.decision === "waits" ? verdict.reason : undefined);
    if (waits === undefined && !inventories.prunes(app)) {
      await inventories.drop(app, new Set(inventories.idsOf(app)), signal);
    } else if (waits === undefined || verdict?.decision === "waits") {
      await pruner.prune(app, verdict, signal);
    }
    const objects = inventories.idsOf(app).length;
    if (objects === 0) {
      await inventories.remove(app, signal);
      board.remove(app);
    } else {
      board.set(app, {
        sync: waits === undefined ? "Applying" : "Blocked",
        message: waits ?? "being removed",
        objects,
      });
      if (waits === undefined) left.push(app);
    }
  }
  for (const app of board.apps) if (!present.has(app) && !inventories.apps.includes(app)) board.remove(app);
  return left;
}

export interface DeletedObject {
  readonly app: string;
  readonly id: ObjectId;
  /** Whether the app itself left the slice. */
  readonly isGone: boolean;
  readonly inventories: InventoryStore;
  readonly board: AppBoard;
}

/** A deletion that took its time is through. */
export async function forgetDeleted(deleted: DeletedObject, signal: AbortSignal): Promise<void> {
  const { app, id, isGone, inventories, board } = deleted;
  await inventories.drop(app, new Set([id]), signal);
  if (!isGone || inventories.idsOf(app).length > 0) return;
  await inventories.remove(app, signal);
  board.remove(app);
}

function sayWait(slice: ResolvedSlice, newcomersFailed: readonly string[]): string | undefined {
  const obstacle = pruneObstacle(slice);
  if (obstacle !== undefined) return `kept ${obstacle}`;
  if (newcomersFailed.length === 0) return undefined;
  return `kept until new app ${newcomersFailed.join(", ")} is applied and healthy`;
}
