import { PlanMemo } from "@axle/core/placement/plan-memo.ts";
import { ResolveMemo } from "@axle/core/placement/resolve-memo.ts";
import { SliceMemo } from "@axle/core/placement/slice-memo.ts";
import { SharedParts } from "../slice/shared-parts.ts";

/**
 * What cycles remember of each other, so that a commit costs what it changes and not what the fleet is. Held for one term of
 * leadership: it is a matter of time only, and never of what comes out.
 */
export class CycleMemo {
  readonly resolve = new ResolveMemo();
  readonly plan = new PlanMemo();
  readonly slices = new SliceMemo();
  readonly shared: SharedParts;

  constructor(packMaster: Uint8Array) {
    this.shared = new SharedParts(packMaster);
  }
}
