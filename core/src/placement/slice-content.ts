import type { DeletionApproval, DeletionHold, SliceApp, SliceLeaving } from "../slice/slice.ts";
import type { PackHandle } from "./app-record.ts";

/** A slice's body before it is numbered and the keys of its packs are derived. Equal content is not published again (L4). */
export interface SliceContent {
  readonly cluster: string;
  /** In dependency order, ties by name. */
  readonly apps: readonly SliceAppContent[];
  readonly approvals: readonly DeletionApproval[];
  /** Sorted by app. */
  readonly deletionHolds: readonly DeletionHold[];
  /** Set while the cluster is to leave the fleet. */
  readonly leaving?: SliceLeaving;
}

export type SliceAppContent = Omit<SliceApp, "packs"> & { readonly packs: readonly PackHandle[] };
