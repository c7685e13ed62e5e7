import type { ObjectId } from "../manifest/object.ts";

export interface PruneInput {
  /** What each app owns, by app; apps that left the slice included. */
  readonly inventories: ReadonlyMap<string, readonly ObjectId[]>;
  /** What each app of the slice declares, namespaces filled in, by app. */
  readonly packs: ReadonlyMap<string, readonly ObjectId[]>;
  /** Apps of the slice that are held: nothing is pruned in the cluster while there is one (S2). */
  readonly heldApps: readonly string[];
}

/**
 * What may go, by app, sorted; apps that lose nothing are absent. One pass over the cluster: inventories minus the union
 * of all packs, so an object that moves between apps, or an app that is renamed, is handed over and never deleted.
 */
export function planPrune(input: PruneInput): ReadonlyMap<string, readonly ObjectId[]> {
  if (input.heldApps.length > 0) return new Map();
  const declared = new Set<ObjectId>();
  for (const ids of input.packs.values()) for (const id of ids) declared.add(id);
  const deletions = new Map<string, readonly ObjectId[]>();
  for (const [app, owned] of [...input.inventories].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const lost = [...new Set(owned)].filter((id) => !declared.has(id)).sort();
    if (lost.length > 0) deletions.set(app, lost);
  }
  return deletions;
}
