import { describe, expect, it } from "vitest";
import { formatProblem } from "../fleet/problem.ts";
import { FleetModel } from "./fleet-model.test-support.ts";

describe("planFleet", () => {
  it("gives a new app revision 1, with the packs its clusters need", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/x", "cm/y"] } });
    const record = fleet.record("web");
    expect(record).toMatchObject({
      revision: 1,
      commit: "c1",
      deletionHolds: {},
      history: [{ revision: 1, commit: "c1" }],
    });
    expect(record?.packs).toHaveLength(2);
    expect(fleet.state()).toEqual({ web: { a: "cm/x", b: "cm/x,cm/y" } });
  });

  it("changes nothing when nothing changed", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/x"] } });
    expect(fleet.commit({ web: { a: ["cm/x"] } })).toMatchObject({ records: [], gone: [], problems: [] });
    expect(fleet.record("web")?.commit).toBe("c1");
  });

  it("counts a revision up when a pack or a setting changes, and keeps it for clusters that get the same", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/y"] } });
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/z"] } });
    expect(fleet.record("web")).toMatchObject({
      revision: 2,
      commit: "c2",
      targets: { a: { revision: 1, commit: "c1" }, b: { revision: 2, commit: "c2" } },
    });
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/z"] } }, { dependsOn: { web: ["api"] } });
    expect(fleet.record("web")).toMatchObject({ revision: 3, targets: { a: { revision: 3 }, b: { revision: 3 } } });
  });

  it("a cluster that joins gets the pack there is, and the others see no new revision", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/x"] } });
    fleet.clusters = ["a", "b"];
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/x"] } });
    expect(fleet.record("web")).toMatchObject({
      revision: 1,
      targets: { a: { revision: 1 }, b: { revision: 1, commit: "c1" } },
    });
  });

  it("S3: refuses a commit whose contract does not parse, whole", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/x"] } });
    const plan = fleet.commit({}, { refused: true });
    expect(plan).toEqual({ records: [], gone: [], problems: [] });
    expect(fleet.state()).toEqual({ web: { a: "cm/x" } });
  });

  it("S3: an app with one variant that does not render stays on all its clusters, with the renderer's words; others move", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/y"] }, api: { a: ["cm/p"] } });
    const plan = fleet.commit({ web: { a: ["cm/x2"], b: "broken" }, api: { a: ["cm/q"] } });
    expect(fleet.state()).toEqual({ web: { a: "cm/x", b: "cm/y" }, api: { a: "cm/q" } });
    expect(fleet.record("web")).toMatchObject({
      revision: 1,
      commit: "c1",
      held: "web/kustomization.yaml: no such file",
    });
    expect(plan.problems.map(formatProblem)).toEqual(["web/kustomization.yaml: no such file"]);
    fleet.commit({ web: { a: ["cm/x2"], b: ["cm/y2"] }, api: { a: ["cm/q"] } });
    expect(fleet.record("web")).toMatchObject({ revision: 2, commit: "c3" });
    expect(fleet.record("web")).not.toHaveProperty("held");
  });

  it("S2: an app that never rendered is named as held where it is meant to go, so that nothing is pruned there", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: "broken", b: ["cm/x"] } });
    expect(fleet.record("web")).toMatchObject({ revision: 0, packs: [], targets: {}, awaiting: ["a", "b"] });
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/x"] } });
    expect(fleet.record("web")).toMatchObject({ revision: 1, commit: "c2" });
    expect(fleet.record("web")).not.toHaveProperty("awaiting");
  });

  it("S2: a held app that would join a cluster is named there as well", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"] } });
    fleet.commit({ web: { a: ["cm/x"], b: "broken" } });
    expect(fleet.record("web")).toMatchObject({ revision: 1, awaiting: ["b"] });
  });

  it("S3: an app the resolver found fault with stays where it is", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/x"] } });
    fleet.commit({ web: "unresolved" });
    expect(fleet.state()).toEqual({ web: { a: "cm/x" } });
    expect(fleet.record("web")?.held).toBe("web is unresolved");
  });
});

describe("an object that two apps declare for one cluster", () => {
  it("holds both where they were, naming both files", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"] }, api: { a: ["cm/y"], b: ["cm/y"] } });
    const plan = fleet.commit({ web: { a: ["cm/x", "cm/shared"] }, api: { a: ["cm/y", "cm/shared"], b: ["cm/y"] } });
    expect(fleet.state()).toEqual({ web: { a: "cm/x" }, api: { a: "cm/y", b: "cm/y" } });
    expect(plan.problems.map(formatProblem)).toEqual([
      'api/cm/shared.yaml: cm/shared is declared by app "api" (api/cm/shared.yaml) and by app "web" (web/cm/shared.yaml), both for cluster a; keep it in one of them',
      'web/cm/shared.yaml: cm/shared is declared by app "web" (web/cm/shared.yaml) and by app "api" (api/cm/shared.yaml), both for cluster a; keep it in one of them',
    ]);
  });

  it("is no trouble on different clusters, or when it moves from one to the other", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x", "cm/s"] }, api: { a: ["cm/y"], b: ["cm/s"] } });
    const plan = fleet.commit({ web: { a: ["cm/x"] }, api: { a: ["cm/y", "cm/s"], b: ["cm/s"] } });
    expect(plan.problems).toEqual([]);
    expect(fleet.state()).toEqual({ web: { a: "cm/x" }, api: { a: "cm/s,cm/y", b: "cm/s" } });
  });

  it("S2: an object that moves to an app out of one that is held waits until both move", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/x", "cm/s"] }, api: { a: ["cm/y"] } });
    const plan = fleet.commit({ web: { a: "broken" }, api: { a: ["cm/y", "cm/s"] } });
    expect(fleet.state()).toEqual({ web: { a: "cm/s,cm/x" }, api: { a: "cm/y" } });
    expect(plan.problems.map(({ message }) => message)).toEqual([
      "no such file",
      'cm/s is declared by app "api" (api/cm/s.yaml) and by app "web" (web/cm/s.yaml), which is held where it was, both for cluster a; keep it in one of them',
    ]);
    fleet.commit({ web: { a: ["cm/x"] }, api: { a: ["cm/y", "cm/s"] } });
    expect(fleet.state()).toEqual({ web: { a: "cm/x" }, api: { a: "cm/s,cm/y" } });
  });

  it("a new app is simply absent until it is settled", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/s"] } });
    fleet.commit({ web: { a: ["cm/s"] }, api: { a: ["cm/s"] } });
    expect(fleet.state()).toEqual({ web: { a: "cm/s" }, api: {} });
    expect(fleet.record("api")).toMatchObject({ revision: 0, awaiting: ["a"] });
  });

  it("twice in one app is that app's error", () => {
    const fleet = new FleetModel(["a"]);
    const plan = fleet.commit({ web: { a: ["cm/x", "cm/x"] } });
    expect(plan.problems.map(({ code, message }) => [code, message])).toEqual([
      ["duplicate-object", "cm/x is declared twice in web/cm/x.yaml; keep one"],
    ]);
  });
});

describe("dependencies across held and new apps", () => {
  it("holds what would wait for itself", () => {
    const fleet = new FleetModel(["a"]);
    fleet.commit({ web: { a: ["cm/x"] }, api: { a: ["cm/y"] } }, { dependsOn: { web: ["api"] } });
    const plan = fleet.commit({ web: { a: "broken" }, api: { a: ["cm/z"] } }, { dependsOn: { api: ["web"] } });
    expect(fleet.state()).toEqual({ web: { a: "cm/x" }, api: { a: "cm/y" } });
    expect(plan.problems.map(({ code, app }) => [code, app])).toEqual([
      ["render", "web"],
      ["dependency", "api"],
    ]);
  });
});

describe("S4: deletions across the fleet wait for a person", () => {
  const TEN = Array.from({ length: 10 }, (_, index) => `k${index}`);
  const on = (clusters: readonly string[], ...objects: string[]) =>
    Object.fromEntries(clusters.map((cluster) => [cluster, objects]));

  it("an app that is removed: its record keeps the holds until the agents report the end of it", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/x"] } });
    const plan = fleet.commit({});
    expect(plan.gone).toEqual([]);
    expect(fleet.record("web")).toMatchObject({
      packs: [],
      targets: {},
      deletionHolds: { a: "the app leaves 2 of its 2 clusters", b: "the app leaves 2 of its 2 clusters" },
    });
    fleet.commit({}, { clearHolds: [{ cluster: "a", app: "web" }] });
    expect(Object.keys(fleet.record("web")?.deletionHolds ?? {})).toEqual(["b"]);
    expect(fleet.commit({}, { clearHolds: [{ cluster: "b", app: "web" }] }).gone).toEqual(["web"]);
    expect(fleet.record("web")).toBeUndefined();
  });

  it("three of ten clusters go at once, four wait", () => {
    const fleet = new FleetModel(TEN);
    fleet.commit({ web: on(TEN, "cm/x"), ...others(TEN) });
    fleet.commit({ web: on(TEN.slice(3), "cm/x"), ...others(TEN) });
    expect(fleet.record("web")?.deletionHolds).toEqual({});
    const other = new FleetModel(TEN);
    other.commit({ web: on(TEN, "cm/x"), ...others(TEN) });
    other.commit({ web: on(TEN.slice(4), "cm/x"), ...others(TEN) });
    expect(Object.keys(other.record("web")?.deletionHolds ?? {})).toEqual(TEN.slice(0, 4));
  });

  it("a cluster that loses more than 30 % of its apps", () => {
    const fleet = new FleetModel(TEN);
    fleet.commit({ web: on(TEN, "cm/x"), api: on(TEN, "cm/y"), db: on(TEN, "cm/z") });
    fleet.commit({ web: on(TEN, "cm/x"), api: on(TEN, "cm/y"), db: on(TEN.slice(1), "cm/z") });
    expect(fleet.record("db")?.deletionHolds).toEqual({ k0: "1 of the cluster's 3 apps are removed" });
  });

  it("a renamed app is handed over, not held", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x", "cm/y"], b: ["cm/x"] } });
    const plan = fleet.commit({ shop: { a: ["cm/x", "cm/y", "cm/z"], b: ["cm/x"] } });
    expect(plan.gone).toEqual(["web"]);
    expect(fleet.state()).toEqual({ shop: { a: "cm/x,cm/y,cm/z", b: "cm/x" } });
  });

  it("a renamed app that leaves something behind is held where it does", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x", "cm/y"], b: ["cm/x"] } });
    fleet.commit({ shop: { a: ["cm/x"], b: ["cm/x"] } });
    expect(fleet.record("web")?.deletionHolds).toEqual({ a: "the app leaves 1 of its 2 clusters" });
  });

  it("a hold ends when the app comes back, and when the cluster leaves the fleet", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/x"] } });
    fleet.commit({});
    fleet.clusters = ["a"];
    fleet.commit({});
    expect(Object.keys(fleet.record("web")?.deletionHolds ?? {})).toEqual(["a"]);
    fleet.commit({ web: { a: ["cm/x"] } });
    expect(fleet.record("web")).toMatchObject({ revision: 2, deletionHolds: {} });
  });

  it("a cluster that leaves the fleet takes its objects with it: no hold", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: ["cm/x"], b: ["cm/x"] } });
    fleet.clusters = ["a"];
    fleet.commit({ web: { a: ["cm/x"] } });
    expect(fleet.record("web")?.deletionHolds).toEqual({});
  });

  /** Enough other apps that losing one is less than 30 % of a cluster's. */
  function others(clusters: readonly string[]) {
    return Object.fromEntries(["p", "q", "r"].map((name) => [name, on(clusters, `cm/${name}`)]));
  }
});
