import { describe, expect, it } from "vitest";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { AppReport } from "@axle/core/status/report.ts";
import type { ClusterStatus } from "../registry-ports.ts";
import { remainingApprovals, settleDeletions } from "./settle-deletions.ts";

const NUMBER = { epoch: 1, n: 5 };

const record: AppRecord = {
  app: "web",
  revision: 2,
  commit: "c0ffee",
  settings: { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks: [] },
  declaredAt: { file: "axle.yaml", line: 1, column: 1 },
  packs: [],
  targets: {},
  deletionHolds: { "c-1": "leaves every cluster" },
  history: [],
};

const report = (pending?: string): AppReport => ({
  app: "web",
  revision: 2,
  commit: "c0ffee",
  sync: "Blocked",
  message: "",
  health: undefined,
  healthMessage: "",
  objects: 3,
  drifts: [],
  pruning: [],
  ...(pending === undefined ? {} : { pendingDeletion: { hash: pending, reason: "", objects: [] } }),
});

const status = (appliedN: number, apps: Record<string, AppReport>): ClusterStatus => ({
  incarnation: 1,
  reportNumber: 1,
  heardAtMs: 0,
  online: true,
  sinceMs: 0,
  accepted: NUMBER,
  applied: { epoch: 1, n: appliedN },
  refusal: "",
  apps,
  timings: [],
});

const settle = (cluster: ClusterStatus, nowMs = 100) =>
  settleDeletions({
    records: new Map([["web", record]]),
    approvals: new Map([["c-1", [{ id: "a-1", app: "web", hash: "set", expiresAtMs: 1_000 }]]]),
    slices: new Map([["c-1", { number: NUMBER, content: "" }]]),
    statuses: new Map([["c-1", cluster]]),
    nowMs,
  });

describe("what reports settle of deletions that wait", () => {
  it("S4: keeps a hold while the agent still has the app", () => {
    expect(settle(status(5, { web: report("set") })).clearHolds).toEqual([]);
  });

  it("S4: keeps a hold when the agent's last word is about an older slice", () => {
    expect(settle(status(4, {})).clearHolds).toEqual([]);
  });

  it("ends a hold once the app is gone from a cluster that applied the newest slice", () => {
    expect(settle(status(5, {})).clearHolds).toEqual([{ cluster: "c-1", app: "web" }]);
  });

  it("S4: keeps an approval while its set waits, and ends it once it no longer does", () => {
    expect(settle(status(5, { web: report("set") })).endedApprovals.size).toBe(0);
    expect(settle(status(5, { web: report("another") })).endedApprovals.get("c-1")).toEqual(new Set(["a-1"]));
  });

  it("S4: ends an approval at its time, whatever the agent says", () => {
    expect(settle(status(4, { web: report("set") }), 1_000).endedApprovals.get("c-1")).toEqual(new Set(["a-1"]));
  });

  it("keeps approvals that were given while others ended", () => {
    const fresh = { id: "a-2", app: "api", hash: "other", expiresAtMs: 2_000 };
    const given = new Map([["c-1", [{ id: "a-1", app: "web", hash: "set", expiresAtMs: 1_000 }, fresh]]]);
    expect(remainingApprovals(given, new Map([["c-1", new Set(["a-1"])]])).get("c-1")).toEqual([fresh]);
  });
});
