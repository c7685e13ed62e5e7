import type { FleetCluster } from "../fleet/cluster.ts";
import type { Contract } from "../fleet/contract.ts";
import type { Resolution } from "./resolution.ts";
import type { SourceInfo } from "./variant.ts";

export interface ResolveInput {
  readonly contract: Pick<Contract, "apps" | "problems">;
  readonly clusters: readonly FleetCluster[];
  /** What stands in every folder of {@link foldersToInspect}; undefined or absent: nothing that can be rendered. */
  readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
}

/** Every folder an app may be rendered from, sorted. */
export function foldersToInspect(contract: Pick<Contract, "apps">): readonly string[] {
  throw new Error(String(contract.apps));
}

export function resolve(input: ResolveInput): Resolution {
  throw new Error(String(input.clusters));
}
