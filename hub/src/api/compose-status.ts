import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import { worseHealth } from "@axle/core/status/report.ts";
import type { AppReport, Health, Sync } from "@axle/core/status/report.ts";
import type { ClusterStatus } from "../registry-ports.ts";
import type { Freshness } from "../sessions/fleet-view.ts";
import type { AppOnCluster } from "./types.ts";

/** From best to worst: what an aggregate shows is the worst. */
const SYNC_ORDER: readonly Sync[] = ["Applied", "Pending", "Applying", "Blocked", "Failed"];

/** One app on one cluster: what the agent said, corrected by what the hub knows. `record` is absent for an app that is gone. */
export function composeRow(given: {
  app: string;
  cluster: Pick<FleetCluster, "id" | "name">;
  record: AppRecord | undefined;
  status: ClusterStatus;
}): AppOnCluster {
  const { app, cluster, record, status } = given;
  const target = record?.targets[cluster.id];
  const freshness: Freshness = { online: status.online, sinceMs: status.sinceMs, lastHeardMs: status.heardAtMs };
  const reported = status.apps[app];
  // What a cluster gets of an app stays at the revision that last changed it there.
  const desiredRevision = target === undefined ? 0 : (target.revision ?? record?.revision ?? 0);
  const current = reported === undefined ? unreported(app) : caughtUp(reported, desiredRevision);
  return {
    cluster: cluster.name,
    report: freshness.online ? current : stale(current, freshness),
    freshness,
    desiredRevision,
    desiredCommit: target === undefined ? "" : (target.commit ?? record?.commit ?? ""),
    held: record?.held ?? record?.deletionHolds[cluster.id] ?? "",
  };
}

/** The rows of a cluster: the apps meant for it, and those it still has. Sorted by app. */
export function rowsOfCluster(
  cluster: Pick<FleetCluster, "id" | "name">,
  records: ReadonlyMap<string, AppRecord>,
  status: ClusterStatus,
): readonly AppOnCluster[] {
  const apps = new Set(Object.keys(status.apps));
  for (const record of records.values()) if (record.targets[cluster.id] !== undefined) apps.add(record.app);
  return [...apps].sort().map((app) => composeRow({ app, cluster, record: records.get(app), status }));
}

export interface Aggregate {
  readonly sync: Sync;
  readonly health: Health | undefined;
  readonly message: string;
}

/** The worst of rows; `nameOf` says what a row's message is about. No rows: nothing to apply, so Applied. */
export function aggregate(rows: readonly AppOnCluster[], nameOf: (row: AppOnCluster) => string): Aggregate {
  let sync: Sync = "Applied";
  let health: Health | undefined;
  let loudest: { row: AppOnCluster; rank: number } | undefined;
  for (const row of rows) {
    sync = worseSync(sync, row.report.sync);
    health = worseHealth(health, row.report.health);
    const rank = messageOf(row) === "" ? -1 : rankOf(row);
    if (rank > (loudest?.rank ?? -1)) loudest = { row, rank };
  }
  const message = loudest === undefined ? "" : `${nameOf(loudest.row)}: ${messageOf(loudest.row)}`;
  return { sync, health, message };
}

/** Whether the row is where it should be, as far as a status that is not stale tells. */
export function isApplied(row: AppOnCluster): boolean {
  return row.freshness.online && row.report.sync === "Applied" && row.report.revision === row.desiredRevision;
}

/** `Offline since …`, `never connected`, or "" when online. */
export function describeOffline(freshness: Freshness): string {
  if (freshness.online) return "";
  return freshness.lastHeardMs === 0 ? "never connected" : `offline since ${new Date(freshness.sinceMs).toISOString()}`;
}

function worseSync(a: Sync, b: Sync): Sync {
  return SYNC_ORDER.indexOf(a) >= SYNC_ORDER.indexOf(b) ? a : b;
}

function messageOf({ report, held }: AppOnCluster): string {
  return held !== "" ? `held: ${held}` : report.message !== "" ? report.message : report.healthMessage;
}

function rankOf({ report, held }: AppOnCluster): number {
  return SYNC_ORDER.indexOf(report.sync) * 2 + (held === "" ? 0 : 1);
}

/** An app that is meant for a cluster and that its agent has not spoken of. */
function unreported(app: string): AppReport {
  return {
    app,
    revision: 0,
    commit: "",
    sync: "Pending",
    message: "not reported yet",
    health: undefined,
    healthMessage: "",
    objects: 0,
    drifts: [],
    pruning: [],
  };
}

/** A report of an older revision says nothing of the one the cluster should be on. */
function caughtUp(report: AppReport, desiredRevision: number): AppReport {
  if (desiredRevision === 0 || report.revision >= desiredRevision || report.sync !== "Applied") return report;
  return { ...report, sync: "Pending", message: `revision ${desiredRevision} is not applied yet` };
}

/** S8: what was last known of a silent cluster is not what is. */
function stale(report: AppReport, freshness: Freshness): AppReport {
  const offline = describeOffline(freshness);
  const last = report.health === undefined ? "" : `, ${report.health} when last heard`;
  return { ...report, health: "Unknown", healthMessage: `${offline}${last}` };
}
