import type { Problem } from "../fleet/problem.ts";
import type { ObjectId } from "../manifest/object.ts";
import type { AppRecord, PackHandle } from "./app-record.ts";
import type { Resolution } from "./resolution.ts";
import type { VariantKey } from "./variant.ts";

export interface FleetPlanInput {
  readonly commit: string;
  /** Hub's clock; stands in the history only. */
  readonly atMs: number;
  /** Ids of every cluster the hub knows. One that is gone took its objects' fate with it: leaving it is no deletion. */
  readonly clusters: readonly string[];
  /** By app. */
  readonly previous: ReadonlyMap<string, AppRecord>;
  readonly resolution: Resolution;
  /** Every variant of every app in `resolution.apps`. */
  readonly rendered: ReadonlyMap<VariantKey, RenderedVariant>;
  /** What is in a pack of a previous record; undefined when nobody knows any more. */
  objectsOf(digest: string): readonly RenderedObject[] | undefined;
  /** Holds that are over: the agent reported the app's objects pruned, or there is nothing left to delete. */
  readonly clearHolds: readonly { readonly cluster: string; readonly app: string }[];
}

export type RenderedVariant =
  | { readonly pack: PackHandle; readonly objects: readonly RenderedObject[] }
  | { readonly error: Problem };

export interface RenderedObject {
  readonly id: ObjectId;
  /** The file it came from, for messages. */
  readonly file: string;
}

export interface FleetPlan {
  /** The records that differ from the previous ones, sorted by app. */
  readonly records: readonly AppRecord[];
  /** Apps whose record is to be deleted, sorted. */
  readonly gone: readonly string[];
  /** What this step found; those of the resolution are not repeated. */
  readonly problems: readonly Problem[];
}

export function planFleet(input: FleetPlanInput): FleetPlan {
  throw new Error(input.commit);
}
