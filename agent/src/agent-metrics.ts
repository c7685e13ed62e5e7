import { Metrics } from "@axle/runtime/metrics.ts";
import type { Vitals } from "./vitals.ts";

/** What Prometheus gets to see, read when it asks. */
export function agentMetrics(vitals: Vitals): Metrics {
  const metrics = new Metrics({ prefix: "axle_agent_", processMetrics: true });
  const flag = (name: string, help: string, read: () => boolean | undefined) =>
    metrics.gauge({ name, help, collect: (gauge) => gauge.set(read() === true ? 1 : 0) });
  flag("leading", "1 while this agent works, 0 while it stands by", () => vitals.work !== undefined);
  flag("hub_connected", "1 while the session with the hub is live", () => vitals.work?.session.isLive);
  flag("nats_connected", "1 while slices can be read", () => vitals.work?.source.isConnected);
  flag("applied", "1 when every app of the current slice is applied", () => vitals.work?.book.isApplied);
  metrics.gauge({
    name: "slice",
    help: "number of the current slice within its epoch",
    labels: ["epoch"],
    collect: (gauge) => {
      gauge.reset();
      const number = vitals.work?.agent.current;
      if (number !== undefined) gauge.set({ epoch: String(number.epoch) }, number.n);
    },
  });
  metrics.gauge({
    name: "apps",
    help: "apps by sync and health",
    labels: ["sync", "health"],
    collect: (gauge) => {
      gauge.reset();
      for (const { sync, health } of vitals.work?.book.reports ?? []) gauge.inc({ sync, health: health ?? "None" });
    },
  });
  metrics.gauge({
    name: "pending_deletions",
    help: "apps with a deletion that waits for a person",
    collect: (gauge) => {
      const reports = vitals.work?.book.reports ?? [];
      gauge.set(reports.filter(({ pendingDeletion }) => pendingDeletion !== undefined).length);
    },
  });
  return metrics;
}
