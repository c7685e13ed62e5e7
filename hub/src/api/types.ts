import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AppReport, Health, PendingDeletion, Sync } from "@axle/core/status/report.ts";
import type { ClusterState } from "../join/cluster-state.ts";
import type { Freshness } from "../sessions/fleet-view.ts";

/** What the API's methods take and give, whatever they are served over. Times are milliseconds since 1970 on the hub's clock. */
export interface PageRequest {
  /** 0 takes the default. */
  readonly size: number;
  /** "" is the first page. */
  readonly token: string;
}

export interface Paged {
  /** "" when this was the last page. */
  readonly nextPageToken: string;
  /** Of all pages. */
  readonly total: number;
}

export interface ClusterSummary {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly agentVersion: string;
  readonly facts: ClusterFacts;
  readonly freshness: Freshness;
  readonly expected: SliceNumber | undefined;
  readonly applied: SliceNumber | undefined;
  readonly sync: Sync;
  readonly health: Health | undefined;
  /** How many are meant for it. */
  readonly apps: number;
  readonly message: string;
  readonly joinedAtMs: number;
  /** What a person has to decide before it may connect; "" when nothing. */
  readonly waitsFor: string;
  readonly state: ClusterState;
}

export interface AppSummary {
  readonly name: string;
  readonly revision: number;
  readonly commit: string;
  readonly clusters: number;
  readonly clustersApplied: number;
  readonly clustersOffline: number;
  readonly sync: Sync;
  readonly health: Health | undefined;
  readonly message: string;
  readonly declaredIn: string;
}

export interface AppOnCluster {
  readonly cluster: string;
  readonly report: AppReport;
  readonly freshness: Freshness;
  /** 0 when the app is not meant for the cluster (any more). */
  readonly desiredRevision: number;
  readonly desiredCommit: string;
  readonly held: string;
}

export type StatusSubject =
  | { readonly type: "app"; readonly name: string }
  | { readonly type: "cluster"; readonly name: string }
  | { readonly type: "name"; readonly name: string };

export interface StatusAnswer {
  readonly rows: readonly AppOnCluster[];
  readonly cluster: ClusterSummary | undefined;
  readonly app: AppSummary | undefined;
}

export interface TargetCluster {
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly apps: readonly { readonly app: string; readonly because: string; readonly source: string }[];
}

export interface ClusterDeletion {
  readonly cluster: string;
  readonly app: string;
  readonly deletion: PendingDeletion;
  readonly approved: boolean;
  readonly freshness: Freshness;
}

export interface FleetAnswer {
  readonly name: string;
  readonly repository: string;
  readonly branch: string;
  readonly head: string;
  readonly accepted: string;
  readonly problems: readonly Problem[];
  readonly commits: readonly CommitSummary[];
  readonly lastFetchMs: number;
  readonly fetchError: string;
}

export interface CommitSummary {
  readonly commit: string;
  readonly subject: string;
  readonly seenAtMs: number;
  readonly publishedAtMs: number;
  readonly clusters: number;
  readonly clustersApplied: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Step {
  readonly name: string;
  readonly atMs: number;
}

export interface TimelineAnswer {
  readonly commit: string;
  readonly traceId: string;
  readonly hub: readonly Step[];
  readonly clusters: readonly {
    readonly cluster: string;
    readonly number: SliceNumber;
    readonly steps: readonly Step[];
  }[];
}
