import type { ObjectId } from "../manifest/object.ts";
import type { DeletionApproval, DeletionHold } from "../slice/slice.ts";

export interface DeletionInput {
  /** Id of the cluster. */
  readonly cluster: string;
  /** What each app owns in the cluster now, by app. */
  readonly inventories: ReadonlyMap<string, readonly ObjectId[]>;
  /** What each app would lose, from planPrune. */
  readonly deletions: ReadonlyMap<string, readonly ObjectId[]>;
  /** Apps that have an inventory and are not in the slice. */
  readonly removedApps: readonly string[];
  readonly approvals: readonly DeletionApproval[];
  /** Ids of approvals that were already acted on: each passes once. */
  readonly usedApprovals: ReadonlySet<string>;
  readonly holds: readonly DeletionHold[];
  /** On the hub's clock, as approvals expire by it. */
  readonly nowMs: number;
  /** SHA-256 of a text, hex. */
  sha256Hex(text: string): string;
}

export type DeletionVerdict =
  | { readonly decision: "allowed"; readonly objects: readonly ObjectId[]; readonly approval?: string }
  | { readonly decision: "waits"; readonly objects: readonly ObjectId[]; readonly reason: string; readonly hash: string };

/** By app, for every app that would lose something. */
export function judgeDeletions(input: DeletionInput): ReadonlyMap<string, DeletionVerdict> {
  throw new Error(input.cluster);
}
