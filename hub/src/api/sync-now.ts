import type { AuditLog } from "../join/ports.ts";
import type { FleetView, Freshness } from "../sessions/fleet-view.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { CallError } from "./call-error.ts";
import type { FleetCommands, FleetReader } from "./ports.ts";

export interface SyncRequest {
  /** None: all of them. */
  readonly apps: readonly string[];
  /** Label selector; "" for all clusters. */
  readonly selector: string;
  /** Name or id of the only cluster; "" for those the selector picks. */
  readonly cluster: string;
}

export interface SyncedCluster {
  readonly cluster: string;
  /** Whether its agent was told now. */
  readonly told: boolean;
  readonly freshness: Freshness;
}

export interface SyncParts {
  readonly reader: Pick<FleetReader, "apps">;
  readonly commands: Pick<FleetCommands, "poke">;
  readonly agents: Pick<Sessions, "syncNow">;
  readonly view: Pick<FleetView, "statusOf" | "freshnessOf">;
  readonly audit: AuditLog;
  readonly now: () => number;
}

export interface SyncOrder {
  readonly apps: readonly string[];
  /** Those the request picked. */
  readonly clusters: readonly { readonly id: string; readonly name: string }[];
  readonly actor: string;
}

/**
 * The repository is looked at, and agents of clusters that have one of the apps are told to look. Nothing is kept for those that are
 * away: they read everything when they come back. Throws {@link CallError} `not-found` for an app that is nowhere.
 */
export async function syncNow(
  parts: SyncParts,
  { apps, clusters, actor }: SyncOrder,
  signal: AbortSignal,
): Promise<readonly SyncedCluster[]> {
  const { reader, commands, agents, view, audit, now } = parts;
  const records = reader.apps();
  const has = (id: string, app: string): boolean =>
    records.get(app)?.targets[id] !== undefined || view.statusOf(id).apps[app] !== undefined;
  const chosen = clusters.filter(({ id }) => apps.length === 0 || apps.some((app) => has(id, app)));
  const unknown = apps.find((app) => !records.has(app) && !clusters.some(({ id }) => has(id, app)));
  if (unknown !== undefined) throw new CallError("not-found", `there is no app named "${unknown}"`);
  if (chosen.length === 0) throw new CallError("not-found", "no cluster fits that has one of these apps");
  const detail = `on ${chosen.map(({ name }) => name).join(", ")}`;
  await audit.record({ atMs: now(), actor, action: "sync", subject: apps.join(",") || "all apps", detail }, signal);
  commands.poke("hook", now());
  return chosen.map(({ id, name }) => ({
    cluster: name,
    told: agents.syncNow(
      id,
      apps.filter((app) => has(id, app)),
    ),
    freshness: view.freshnessOf(id),
  }));
}
