import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import { HEALTH_ORDER } from "@axle/core/status/report.ts";
import type { AppReport } from "@axle/core/status/report.ts";
import { UNHEARD } from "../sessions/apply-report.ts";
import { aggregate, composeRow, isApplied, rowsOfCluster } from "./compose-status.ts";

const cluster = { id: "c-1", name: "prod-1" };
const record = {
  app: "web",
  revision: 4,
  commit: "new",
  declaredAt: { file: "axle.yaml", line: 1, column: 1 },
  packs: [],
  targets: { "c-1": { pack: 0, substitutions: {} } },
  deletionHolds: {},
  history: [],
} as unknown as AppRecord;
const healthy: AppReport = {
  app: "web",
  revision: 4,
  commit: "new",
  sync: "Applied",
  message: "",
  health: "Healthy",
  healthMessage: "",
  objects: 3,
  drifts: [],
  pruning: [],
};
const online = { ...UNHEARD, online: true, sinceMs: 1_000, heardAtMs: 2_000, apps: { web: healthy } };
const offline = { ...online, online: false, sinceMs: Date.parse("2026-11-21T10:00:00Z") };

describe("the status of an app on a cluster", () => {
  test("is what the agent said while it is heard", () => {
    const row = composeRow({ app: "web", cluster, record, status: online });
    expect(row).toMatchObject({
      cluster: "prod-1",
      report: healthy,
      desiredRevision: 4,
      desiredCommit: "new",
      held: "",
    });
    expect(isApplied(row)).toBe(true);
  });

  test("S8: is never healthy while the cluster is not heard, whatever was said before", () => {
    const row = composeRow({ app: "web", cluster, record, status: offline });
    expect(row.report).toMatchObject({
      health: "Unknown",
      healthMessage: "offline since 2026-11-21T10:00:00.000Z, Healthy when last heard",
    });
    expect(isApplied(row)).toBe(false);
    const anyHealth = fc.constantFrom(undefined, ...HEALTH_ORDER);
    fc.assert(
      fc.property(anyHealth, fc.nat(6), fc.boolean(), (health, revision, isReported) => {
        const apps: Record<string, AppReport> = isReported ? { web: { ...healthy, health, revision } } : {};
        const given = composeRow({ app: "web", cluster, record, status: { ...offline, apps } });
        expect(given.report.health).toBe("Unknown");
        expect(isApplied(given)).toBe(false);
      }),
    );
  });

  test("wants the revision that last changed what this cluster gets, though the app moved on elsewhere", () => {
    const target = { pack: 0, substitutions: {}, revision: 3, commit: "old" };
    const elsewhere: AppRecord = { ...record, targets: { "c-1": target } };
    const apps = { web: { ...healthy, revision: 3, commit: "old" } };
    const row = composeRow({ app: "web", cluster, record: elsewhere, status: { ...online, apps } });
    expect(row).toMatchObject({ desiredRevision: 3, desiredCommit: "old" });
    expect(isApplied(row)).toBe(true);
  });

  test("is Pending until the agent has spoken of the revision the hub wants", () => {
    const behind = { ...online, apps: { web: { ...healthy, revision: 3 } } };
    expect(composeRow({ app: "web", cluster, record, status: behind }).report).toMatchObject({
      sync: "Pending",
      message: "revision 4 is not applied yet",
    });
    expect(composeRow({ app: "web", cluster, record, status: { ...online, apps: {} } }).report).toMatchObject({
      app: "web",
      sync: "Pending",
      message: "not reported yet",
    });
    const failing = { ...online, apps: { web: { ...healthy, revision: 3, sync: "Failed" as const, message: "no" } } };
    expect(composeRow({ app: "web", cluster, record, status: failing }).report).toMatchObject({ sync: "Failed" });
  });

  test("shows why the hub holds the app", () => {
    const held = { ...record, held: "does not render" };
    expect(composeRow({ app: "web", cluster, record: held, status: online }).held).toBe("does not render");
    const leaving = { ...record, targets: {}, deletionHolds: { "c-1": "leaves half of its clusters" } };
    const row = composeRow({ app: "web", cluster, record: leaving, status: online });
    expect(row).toMatchObject({ held: "leaves half of its clusters", desiredRevision: 0 });
  });

  test("is listed for apps that are meant for the cluster and for those it still has", () => {
    const rows = rowsOfCluster(cluster, new Map([["web", record]]), {
      ...online,
      apps: { old: { ...healthy, app: "old" } },
    });
    expect(rows.map((row) => row.report.app)).toEqual(["old", "web"]);
  });
});

describe("an aggregate", () => {
  test("shows the worst, and says whose it is", () => {
    const rows = [
      composeRow({ app: "web", cluster, record, status: online }),
      composeRow({
        app: "web",
        cluster: { id: "c-1", name: "prod-2" },
        record,
        status: { ...online, apps: { web: { ...healthy, sync: "Failed", message: "no such kind" } } },
      }),
    ];
    expect(aggregate(rows, (row) => row.cluster)).toEqual({
      sync: "Failed",
      health: "Healthy",
      message: "prod-2: no such kind",
    });
    expect(aggregate([], (row) => row.cluster)).toEqual({ sync: "Applied", health: undefined, message: "" });
  });
});
