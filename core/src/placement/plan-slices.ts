import type { DeletionApproval } from "../slice/slice.ts";
import type { AppRecord } from "./app-record.ts";
import type { SliceContent } from "./slice-content.ts";

export interface SlicePlanInput {
  /** Every record, the changed ones already in place. */
  readonly records: ReadonlyMap<string, AppRecord>;
  /** Ids of every cluster; each gets a slice, an empty one when no app is for it. */
  readonly clusters: readonly string[];
  /** By cluster id. */
  readonly approvals: ReadonlyMap<string, readonly DeletionApproval[]>;
}

/** By cluster id. */
export function planSlices(input: SlicePlanInput): ReadonlyMap<string, SliceContent> {
  throw new Error(String(input.clusters));
}
