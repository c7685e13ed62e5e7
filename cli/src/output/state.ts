import type { AppOnClusterView, AppView, ClusterView, FreshnessView } from "../client/fleet-types.ts";
import { formatAge } from "./time.ts";

/** `Online`, `Offline since 2026-11-21 08:12 (5m)`, `Never connected`. */
export function describeFreshness(freshness: FreshnessView, nowMs: number): string {
  if (freshness.online) return "Online";
  if (freshness.sinceMs === 0) return "Never connected";
  const since = new Date(freshness.sinceMs).toISOString().slice(0, 16).replace("T", " ");
  return `Offline since ${since} (${formatAge(nowMs - freshness.sinceMs)})`;
}

/** How a cluster stands: its freshness, and first of all that it is not simply one of the fleet. */
export function describeState(cluster: ClusterView, nowMs: number): string {
  const freshness = describeFreshness(cluster.freshness, nowMs);
  switch (cluster.state) {
    case "leaving":
      return `Leaving (${freshness.toLowerCase()})`;
    case "on-hold":
      return "On hold";
    case "revoked":
      return "Revoked";
    case "pending":
      return "Waiting";
    default:
      return freshness;
  }
}

/** Health as last heard; never shown as good for a cluster that is silent. */
export function describeHealth(health: string | undefined, freshness: FreshnessView): string {
  if (health === undefined) return "-";
  return freshness.online || health === "Unknown" ? health : `Unknown (was ${health})`;
}

export function isClusterWell(cluster: ClusterView): boolean {
  return (
    cluster.state === "active" &&
    cluster.freshness.online &&
    (cluster.apps === 0 || cluster.sync === "Applied") &&
    (cluster.health === undefined || isGoodHealth(cluster.health))
  );
}

export function isAppWell(app: AppView): boolean {
  return (
    app.clustersOffline === 0 &&
    app.clustersApplied === app.clusters &&
    (app.clusters === 0 || app.sync === "Applied") &&
    (app.health === undefined || isGoodHealth(app.health))
  );
}

export function isRowWell(row: AppOnClusterView): boolean {
  const { report } = row;
  return (
    row.freshness.online &&
    row.held === "" &&
    report !== undefined &&
    report.sync === "Applied" &&
    report.revision === row.desiredRevision &&
    report.pendingDeletion === undefined &&
    (report.health === undefined || isGoodHealth(report.health))
  );
}

function isGoodHealth(health: string): boolean {
  return health === "Healthy" || health === "Suspended";
}

/** The one thing a person should know of an app on a cluster; "" when all is well. */
export function explainRow(row: AppOnClusterView): string {
  const { report } = row;
  if (row.held !== "") return `held: ${row.held}`;
  if (report === undefined) return "the agent has not reported it yet";
  if (report.message !== "") return report.message;
  if (report.pendingDeletion !== undefined) {
    const { objects, reason } = report.pendingDeletion;
    return `${objects.length} deletions wait: ${reason} (axle approve)`;
  }
  if (report.healthMessage !== "") return report.healthMessage;
  if (report.pruning.length > 0) return `still deleting ${report.pruning[0]}`;
  const fight = report.drifts.find((drift) => drift.action === "fighting");
  if (fight !== undefined) {
    const { manager, object, paths, changes = [] } = fight;
    const [change] = changes;
    const values = change === undefined ? "" : ` (${change.before || "nothing"} -> ${change.after || "nothing"})`;
    return `${manager || "somebody"} keeps changing ${paths[0] ?? "the whole"} of ${object}${values}`;
  }
  return "";
}

export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(",");
}

export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}

export function formatNumber(number: { epoch: number; n: number } | undefined): string {
  return number === undefined ? "-" : `${number.epoch}.${number.n}`;
}
