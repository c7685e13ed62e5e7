import { describe, expect, it } from "vitest";
import type { AppOnClusterView, ClusterView } from "../client/fleet-types.ts";
import { describeFreshness, describeHealth, describeState, isClusterWell, isRowWell } from "./state.ts";

const online = { online: true, sinceMs: 1_000, lastHeardMs: 2_000 };
const offline = { online: false, sinceMs: 1_763_712_720_000, lastHeardMs: 1_763_712_719_000 };

const cluster: ClusterView = {
  id: "c1",
  name: "prod",
  labels: {},
  agentVersion: "0.1.0",
  facts: { kubernetesVersion: "v1.37.0", provider: "", nodes: 1, apiVersions: [] },
  freshness: online,
  sync: "Applied",
  health: "Healthy",
  apps: 3,
  message: "",
  waitsFor: "",
  state: "active",
  joinedAtMs: 0,
};

const row: AppOnClusterView = {
  cluster: "prod",
  app: "shop",
  report: {
    app: "shop",
    revision: 2,
    commit: "abc",
    sync: "Applied",
    message: "",
    health: "Healthy",
    healthMessage: "",
    objects: 3,
    drifts: [],
    pruning: [],
  },
  freshness: online,
  desiredRevision: 2,
  desiredCommit: "abc",
  held: "",
};

describe("a cluster that is not simply one of the fleet", () => {
  it.each([
    ["leaving", "Leaving (online)"],
    ["on-hold", "On hold"],
    ["revoked", "Revoked"],
    ["pending", "Waiting"],
  ])("%s is shown so and is not well, whatever else it says", (state, shown) => {
    expect(describeState({ ...cluster, state }, 3_000)).toBe(shown);
    expect(isClusterWell({ ...cluster, state })).toBe(false);
  });
});

describe("S8: a silent cluster", () => {
  it("is shown as offline, with since when", () => {
    expect(describeFreshness(offline, offline.sinceMs + 300_000)).toBe("Offline since 2025-11-21 08:12 (5m)");
  });

  it("is never shown healthy", () => {
    expect(describeHealth("Healthy", offline)).toBe("Unknown (was Healthy)");
    expect(isClusterWell({ ...cluster, freshness: offline })).toBe(false);
    expect(isRowWell({ ...row, freshness: offline })).toBe(false);
  });
});

describe("an app on a cluster is well", () => {
  it("when it is applied and healthy at the revision the hub wants", () => {
    expect(isClusterWell(cluster)).toBe(true);
    expect(isRowWell(row)).toBe(true);
  });

  it.each([
    ["an older revision", { ...row, desiredRevision: 3 }],
    ["held back", { ...row, held: "it does not render" }],
    ["degraded", { ...row, report: { ...row.report!, health: "Degraded" as const } }],
    [
      "waiting for an approval",
      { ...row, report: { ...row.report!, pendingDeletion: { hash: "h", reason: "", objects: [] } } },
    ],
  ])("not when it is %s", (_, unwell) => {
    expect(isRowWell(unwell)).toBe(false);
  });
});
