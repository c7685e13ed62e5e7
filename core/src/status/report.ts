import type { ObjectId } from "../manifest/object.ts";
import type { SliceNumber } from "../slice/slice.ts";

/** Where an app stands on a cluster. `Applied`: every object accepted; prunes that wait show apart. */
export type Sync = "Pending" | "Applying" | "Applied" | "Failed" | "Blocked";

/** From best to worst; the worst object wins, objects without health do not count. */
export const HEALTH_ORDER = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"] as const;
export type Health = (typeof HEALTH_ORDER)[number];

/** The worse of two; undefined means "has no health". */
export function worseHealth(a: Health | undefined, b: Health | undefined): Health | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return HEALTH_ORDER.indexOf(a) >= HEALTH_ORDER.indexOf(b) ? a : b;
}

/** What an agent reports of one app. */
export interface AppReport {
  readonly app: string;
  readonly revision: number;
  readonly commit: string;
  readonly sync: Sync;
  /** What blocks or fails it, in words; "" when there is nothing to say. */
  readonly message: string;
  /** Undefined when nothing in the app has health. */
  readonly health: Health | undefined;
  /** The worst object and why; "" when Healthy. */
  readonly healthMessage: string;
  readonly objects: number;
  readonly pendingDeletion?: PendingDeletion;
  /** Of an app that is only observed (`sync.mode: observe`). */
  readonly plan?: ObservedPlan;
  readonly drifts: readonly Drift[];
  /** Objects whose deletion was asked for and is not finished, with what blocks it. */
  readonly pruning: readonly string[];
}

/** What an app would do. Lists are cut; the report's message has the counts. */
export interface ObservedPlan {
  readonly create: readonly ObjectId[];
  /** Exist, and belong to nobody we know of: they would become the app's. */
  readonly adopt: readonly ObjectId[];
  readonly change: readonly ObjectId[];
  /** Stand in the app's namespaces, and no app has them. */
  readonly unmanaged: readonly ObjectId[];
}

/** A deletion that waits for a person (S4). */
export interface PendingDeletion {
  readonly hash: string;
  readonly reason: string;
  readonly objects: readonly ObjectId[];
}

/** A change made in the cluster by somebody else, and what the agent did about it. */
export interface Drift {
  readonly object: ObjectId;
  /** Field manager that changed it, e.g. `kubectl-edit`; "" when unknown (a deletion). */
  readonly manager: string;
  /** `Update`, `Apply` or `Delete`. */
  readonly operation: string;
  readonly atMs: number;
  /** Dotted paths, secrets' values never shown. */
  readonly paths: readonly string[];
  readonly action: "corrected" | "reported" | "fighting";
  /** 0 unless corrected. */
  readonly correctedAtMs: number;
  /** The same paths with their values; absent where they are not known. */
  readonly changes?: readonly FieldChange[];
}

/** One field that was changed. Values as short text, "" for none, `***` for what may be secret. */
export interface FieldChange {
  readonly path: string;
  /** As declared. */
  readonly before: string;
  /** As it was found. */
  readonly after: string;
}

/** Names of the agent's steps towards a slice, in order. */
export const AGENT_STEPS = ["rung", "read", "verified", "fetched", "dry-run", "applied", "healthy", "pruned"] as const;
export type AgentStep = (typeof AGENT_STEPS)[number];

/** Names of the hub's steps for a commit, in order. */
export const HUB_STEPS = ["seen", "fetched", "resolved", "rendered", "signed", "published"] as const;
export type HubStep = (typeof HUB_STEPS)[number];

export interface StepTimes<Step extends string> {
  readonly number: SliceNumber;
  /** Milliseconds since 1970; a step that did not happen is absent. */
  readonly steps: Readonly<Partial<Record<Step, number>>>;
}

/** One message of an agent to the hub; `full` replaces all apps known before. */
export interface ClusterReport {
  readonly number: number;
  readonly full: boolean;
  readonly slice: SliceNumber | undefined;
  readonly applied: boolean;
  readonly apps: readonly AppReport[];
  readonly removed: readonly string[];
  readonly timings: readonly StepTimes<AgentStep>[];
  /** A slice the agent refused, and why; "" when none. */
  readonly refusal: string;
  /** Set when the cluster has left the fleet. */
  readonly left?: LeftReport;
}

/** A cluster has left as it was told: nothing in it is ours any more. */
export interface LeftReport {
  /** Id of the order it followed (SliceLeaving). */
  readonly order: string;
  /** What was done, in words. */
  readonly what: string;
}
