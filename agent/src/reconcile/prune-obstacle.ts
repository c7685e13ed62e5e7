import { planPrune } from "@axle/core/inventory/plan-prune.ts";
import type { DesiredApp } from "../ports.ts";
import type { InventoryStore } from "./inventory-store.ts";
import type { ResolvedSlice } from "./resolved-app.ts";

/**
 * S2: an object goes only when no pack of the slice has it. Nobody knows that while an app is held at an older revision than the
 * others, or a pack cannot be read: then nothing is deleted in the whole cluster.
 */
export function keepsEverything(app: DesiredApp): boolean {
  return app.held !== undefined || app.unreadable !== undefined;
}

/** How long nothing is deleted, to follow "kept"; undefined when deletions go on. */
export function pruneObstacle(slice: ResolvedSlice): string | undefined {
  const apps = slice.apps.map(({ desired }) => desired);
  const held = apps.find((app) => app.held !== undefined);
  if (held !== undefined) return `while app ${held.name} is held at an older revision`;
  const unreadable = apps.find((app) => app.unreadable !== undefined);
  return unreadable === undefined ? undefined : `until every pack of app ${unreadable.name} can be read`;
}

/** By app of the slice, in words, what it lost and why that is kept. Empty when deletions go on. */
export function sayKept(slice: ResolvedSlice, inventories: InventoryStore): ReadonlyMap<string, string> {
  const obstacle = pruneObstacle(slice);
  if (obstacle === undefined) return new Map();
  const packs = new Map(slice.apps.map((app) => [app.desired.name, [...app.possibleIds]]));
  const lost = planPrune({ inventories: inventories.all(), packs, heldApps: [] });
  return new Map(
    slice.apps.flatMap(({ desired }) => {
      const { length } = lost.get(desired.name) ?? [];
      if (length === 0 || !desired.settings.sync.prune) return [];
      const what = length === 1 ? "1 object that left it is" : `${length} objects that left it are`;
      return [[desired.name, `${what} kept ${obstacle}`] as const];
    }),
  );
}
