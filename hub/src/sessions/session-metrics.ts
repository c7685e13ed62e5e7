import type { Metrics } from "@axle/runtime/metrics.ts";
import { clusterStateOf } from "../join/cluster-state.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import type { FleetView } from "./fleet-view.ts";

/** How many clusters there are, and how many of them are heard. */
export function exposeSessionMetrics(
  metrics: Metrics,
  { directory, view }: { directory: ClusterDirectory; view: FleetView },
): void {
  metrics.gauge({
    name: "clusters",
    help: "Registered clusters by state: online, offline, pending (waits for a person), leaving, on-hold, revoked.",
    labels: ["state"],
    collect: (gauge) => {
      const counts = { online: 0, offline: 0, pending: 0, leaving: 0, "on-hold": 0, revoked: 0 };
      for (const registration of directory.all()) {
        const state = clusterStateOf(registration);
        if (state === "active") counts[view.freshnessOf(registration.id).online ? "online" : "offline"] += 1;
        else if (state !== "forgotten") counts[state] += 1;
      }
      for (const [state, count] of Object.entries(counts)) gauge.set({ state }, count);
    },
  });
  metrics.gauge({
    name: "cluster_last_heard_seconds",
    help: "When each cluster was last heard, in seconds since 1970 on the hub's clock.",
    labels: ["cluster"],
    collect: (gauge) => {
      gauge.reset();
      for (const { id, name, state } of directory.all()) {
        if (state === "active") gauge.set({ cluster: name }, view.freshnessOf(id).lastHeardMs / 1_000);
      }
    },
  });
}
