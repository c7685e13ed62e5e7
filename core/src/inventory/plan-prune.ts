import type { ObjectId } from "../manifest/object.ts";

export interface PruneInput {
  /** What each app owns, by app; apps that left the slice included. */
  readonly inventories: ReadonlyMap<string, readonly ObjectId[]>;
  /** What each app of the slice declares, namespaces filled in, by app. */
  readonly packs: ReadonlyMap<string, readonly ObjectId[]>;
  /** Apps of the slice that are held: nothing is pruned in the cluster while there is one (S2). */
  readonly heldApps: readonly string[];
}

/** What may go, by app, sorted; apps that lose nothing are absent. */
export function planPrune(input: PruneInput): ReadonlyMap<string, readonly ObjectId[]> {
  throw new Error(String(input.heldApps));
}
