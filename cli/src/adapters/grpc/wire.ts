/** The only place of the CLI that knows the wire's types: maps them to the words of the domain and back. */
import { PROBLEM_SCOPES } from "@axle/core/fleet/problem.ts";
import type { Problem, ProblemCode } from "@axle/core/fleet/problem.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AppReport, Drift, Health, PendingDeletion, Sync } from "@axle/core/status/report.ts";
import type * as fleet from "@axle/proto/axle/v1/fleet.ts";
import type * as types from "@axle/proto/axle/v1/types.ts";
import { Health as WireHealth, Sync as WireSync } from "@axle/proto/axle/v1/types.ts";
import type { ForgetOutcome } from "../../client/fleet-client.ts";
import type {
  AppOnClusterView,
  AppView,
  ClusterView,
  DeletionView,
  FleetView,
  FreshnessView,
  SyncedView,
  StatusView,
  TargetView,
  TimelineView,
} from "../../client/fleet-types.ts";

export { FleetServiceClient } from "@axle/proto/axle/v1/fleet.ts";

const SYNCS = new Map<number, Sync>([
  [WireSync.SYNC_PENDING, "Pending"],
  [WireSync.SYNC_APPLYING, "Applying"],
  [WireSync.SYNC_APPLIED, "Applied"],
  [WireSync.SYNC_FAILED, "Failed"],
  [WireSync.SYNC_BLOCKED, "Blocked"],
]);

const HEALTHS = new Map<number, Health>([
  [WireHealth.HEALTH_HEALTHY, "Healthy"],
  [WireHealth.HEALTH_SUSPENDED, "Suspended"],
  [WireHealth.HEALTH_PROGRESSING, "Progressing"],
  [WireHealth.HEALTH_MISSING, "Missing"],
  [WireHealth.HEALTH_DEGRADED, "Degraded"],
  [WireHealth.HEALTH_UNKNOWN, "Unknown"],
]);

/** A member for a value that may be absent, as `exactOptionalPropertyTypes` wants it. */
function optional<Key extends string, T>(key: Key, value: T | undefined): { [K in Key]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: T };
}

export function clusterOf(wire: fleet.Cluster): ClusterView {
  return {
    id: wire.id,
    name: wire.name,
    labels: wire.labels,
    agentVersion: wire.agentVersion,
    facts: {
      kubernetesVersion: wire.facts?.kubernetesVersion ?? "",
      provider: wire.facts?.provider ?? "",
      nodes: wire.facts?.nodes ?? 0,
      apiVersions: wire.facts?.apiVersions ?? [],
    },
    freshness: freshnessOf(wire.freshness),
    ...optional("expected", numberOf(wire.expected)),
    ...optional("applied", numberOf(wire.applied)),
    ...optional("sync", SYNCS.get(wire.sync)),
    ...optional("health", HEALTHS.get(wire.health)),
    apps: wire.apps,
    message: wire.message,
    waitsFor: wire.waitsFor,
    // An older hub knows but these.
    state: wire.state || (wire.waitsFor === "" ? "active" : "pending"),
    joinedAtMs: Number(wire.joinedAtMs),
  };
}

export function appOf(wire: fleet.App): AppView {
  return {
    name: wire.name,
    revision: Number(wire.revision),
    commit: wire.commit,
    clusters: wire.clusters,
    clustersApplied: wire.clustersApplied,
    clustersOffline: wire.clustersOffline,
    ...optional("sync", SYNCS.get(wire.sync)),
    ...optional("health", HEALTHS.get(wire.health)),
    message: wire.message,
    declaredIn: wire.declaredIn,
  };
}

export function statusOf(wire: fleet.GetStatusResponse): StatusView {
  return {
    ...optional("cluster", wire.cluster && clusterOf(wire.cluster)),
    ...optional("app", wire.app && appOf(wire.app)),
    rows: wire.rows.map(appOnClusterOf),
  };
}

function appOnClusterOf(wire: fleet.AppOnCluster): AppOnClusterView {
  return {
    cluster: wire.cluster,
    app: wire.report?.app ?? "",
    ...optional("report", wire.report && reportOf(wire.report)),
    freshness: freshnessOf(wire.freshness),
    desiredRevision: Number(wire.desiredRevision),
    desiredCommit: wire.desiredCommit,
    held: wire.held,
  };
}

function reportOf(wire: types.AppReport): AppReport {
  return {
    app: wire.app,
    revision: Number(wire.revision),
    commit: wire.commit,
    sync: SYNCS.get(wire.sync) ?? "Pending",
    message: wire.message,
    health: HEALTHS.get(wire.health),
    healthMessage: wire.healthMessage,
    objects: wire.objects,
    ...optional("pendingDeletion", wire.pendingDeletion && pendingDeletionOf(wire.pendingDeletion)),
    ...optional("plan", wire.plan),
    drifts: wire.drifts.map(driftOf),
    pruning: wire.pruning,
  };
}

function pendingDeletionOf(wire: types.PendingDeletion): PendingDeletion {
  return { hash: wire.hash, reason: wire.reason, objects: wire.objects };
}

const DRIFT_ACTIONS: readonly string[] = ["corrected", "reported", "fighting"] satisfies Drift["action"][];

function driftOf(wire: types.Drift): Drift {
  return {
    object: wire.object,
    manager: wire.manager,
    operation: wire.operation,
    atMs: Number(wire.atMs),
    paths: wire.paths,
    // An action of a newer hub is at least a report.
    action: DRIFT_ACTIONS.includes(wire.action) ? (wire.action as Drift["action"]) : "reported",
    correctedAtMs: Number(wire.correctedAtMs),
    ...(wire.changes.length === 0 ? {} : { changes: wire.changes }),
  };
}

function freshnessOf(wire: fleet.Freshness | undefined): FreshnessView {
  return {
    online: wire?.online ?? false,
    sinceMs: Number(wire?.sinceMs ?? 0),
    lastHeardMs: Number(wire?.lastHeardMs ?? 0),
  };
}

function numberOf(wire: types.SliceNumber | undefined): SliceNumber | undefined {
  return wire === undefined ? undefined : { epoch: Number(wire.epoch), n: Number(wire.n) };
}

export function targetOf(wire: fleet.Target): TargetView {
  return {
    cluster: wire.cluster,
    labels: wire.labels,
    apps: wire.apps.map(({ app, because, source }) => ({ app, because, source })),
  };
}

export function forgetOf(wire: fleet.ForgetClusterResponse): ForgetOutcome {
  const { id, name, state, freshness, expiresAtMs } = wire;
  return { id, name, state, freshness: freshnessOf(freshness), expiresAtMs: Number(expiresAtMs) };
}

export function syncedOf(wire: fleet.SyncedCluster): SyncedView {
  return { cluster: wire.cluster, told: wire.told, freshness: freshnessOf(wire.freshness) };
}

export function deletionOf(wire: fleet.ClusterDeletion): DeletionView {
  return {
    cluster: wire.cluster,
    app: wire.app,
    deletion: wire.deletion === undefined ? { hash: "", reason: "", objects: [] } : pendingDeletionOf(wire.deletion),
    approved: wire.approved,
    freshness: freshnessOf(wire.freshness),
  };
}

export function fleetOf(wire: fleet.GetFleetResponse): FleetView {
  return {
    name: wire.name,
    repository: wire.repository,
    branch: wire.branch,
    head: wire.head,
    accepted: wire.accepted,
    problems: wire.problems.map(problemOf),
    commits: wire.commits.map((commit) => ({
      commit: commit.commit,
      subject: commit.subject,
      seenAtMs: Number(commit.seenAtMs),
      publishedAtMs: Number(commit.publishedAtMs),
      clusters: commit.clusters,
      clustersApplied: commit.clustersApplied,
      p50Ms: commit.p50Ms,
      p99Ms: commit.p99Ms,
      maxMs: commit.maxMs,
    })),
    lastFetchMs: Number(wire.lastFetchMs),
    fetchError: wire.fetchError,
  };
}

function problemOf(wire: fleet.Problem): Problem {
  return {
    severity: wire.severity === "warning" ? "warning" : "error",
    // A code of a newer hub has no scope here; it is shown by its message all the same.
    code: wire.code in PROBLEM_SCOPES ? (wire.code as ProblemCode) : "schema",
    message: wire.message,
    ...optional("place", wire.file === "" ? undefined : { file: wire.file, line: wire.line, column: wire.column }),
    ...optional("field", wire.field === "" ? undefined : wire.field),
    ...optional("app", wire.app === "" ? undefined : wire.app),
    ...optional("cluster", wire.cluster === "" ? undefined : wire.cluster),
  };
}

export function timelineOf(wire: fleet.GetTimelineResponse): TimelineView {
  return {
    commit: wire.commit,
    traceId: wire.traceId,
    hub: wire.hub.map(stepOf),
    clusters: wire.clusters.map(({ cluster, number, steps }) => ({
      cluster,
      ...optional("number", numberOf(number)),
      steps: steps.map(stepOf),
    })),
  };
}

function stepOf(wire: types.Step): { name: string; atMs: number } {
  return { name: wire.name, atMs: Number(wire.atMs) };
}
