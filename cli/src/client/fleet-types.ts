import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AppReport, Health, PendingDeletion, Sync } from "@axle/core/status/report.ts";

/** What the hub answers, in the words of the domain; also what `-o json` prints. Times are milliseconds since 1970. */
export interface ClusterView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly agentVersion: string;
  readonly facts: ClusterFacts;
  readonly freshness: FreshnessView;
  /** The slice the hub published, and the newest one reported applied. */
  readonly expected?: SliceNumber;
  readonly applied?: SliceNumber;
  readonly sync?: Sync;
  readonly health?: Health;
  readonly apps: number;
  readonly message: string;
  /** What a person has to decide before it may connect; "" when nothing. */
  readonly waitsFor: string;
  /** `active`, `pending`, `leaving`, `on-hold` or `revoked`. */
  readonly state: string;
  readonly joinedAtMs: number;
}

export interface FreshnessView {
  readonly online: boolean;
  /** Online since, or offline since; 0 when it never connected. */
  readonly sinceMs: number;
  readonly lastHeardMs: number;
}

/** A cluster that was asked to sync. */
export interface SyncedView {
  readonly cluster: string;
  /** Told now; one that was not looks at everything when it connects. */
  readonly told: boolean;
  readonly freshness: FreshnessView;
}

export interface AppView {
  readonly name: string;
  readonly revision: number;
  readonly commit: string;
  readonly clusters: number;
  readonly clustersApplied: number;
  readonly clustersOffline: number;
  readonly sync?: Sync;
  readonly health?: Health;
  readonly message: string;
  readonly declaredIn: string;
}

export interface AppOnClusterView {
  readonly cluster: string;
  /** Absent until the agent reported the app. */
  readonly report?: AppReport;
  readonly app: string;
  readonly freshness: FreshnessView;
  readonly desiredRevision: number;
  readonly desiredCommit: string;
  /** Why the hub holds the app back; "" when it does not. */
  readonly held: string;
}

export interface StatusView {
  readonly cluster?: ClusterView;
  readonly app?: AppView;
  readonly rows: readonly AppOnClusterView[];
}

export interface TargetView {
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly apps: readonly { readonly app: string; readonly because: string; readonly source: string }[];
}

export interface TokenView {
  readonly id: string;
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface DeletionView {
  readonly cluster: string;
  readonly app: string;
  readonly deletion: PendingDeletion;
  readonly approved: boolean;
  readonly freshness: FreshnessView;
}

export interface FleetView {
  readonly name: string;
  readonly repository: string;
  readonly branch: string;
  readonly head: string;
  readonly accepted: string;
  readonly problems: readonly Problem[];
  readonly commits: readonly CommitView[];
  readonly lastFetchMs: number;
  readonly fetchError: string;
}

export interface CommitView {
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

export interface TimelineView {
  readonly commit: string;
  readonly traceId: string;
  readonly hub: readonly StepView[];
  readonly clusters: readonly {
    readonly cluster: string;
    readonly number?: SliceNumber;
    readonly steps: readonly StepView[];
  }[];
}

export interface StepView {
  readonly name: string;
  readonly atMs: number;
}
