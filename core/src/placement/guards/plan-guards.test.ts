import { describe, expect, it } from "vitest";
import type { ClusterFacts } from "../../fleet/cluster.ts";
import { formatProblem } from "../../fleet/problem.ts";
import { FleetModel } from "../fleet-model.test-support.ts";

const WIDGET = "example.com/Widget/web/w";
const DEFINITION = "apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com";
const SECRET = "/Secret/web/db";
const CRON = "batch/CronJob/web/c";
const about = {
  [WIDGET]: { apiVersion: "example.com/v1" },
  [DEFINITION]: { apiVersion: "apiextensions.k8s.io/v1", defines: ["example.com/v1/Widget"] },
  [SECRET]: { apiVersion: "v1", plainSecret: true },
  [CRON]: { apiVersion: "batch/v1beta1" },
} as const;

function facts(kubernetesVersion: string, ...apiVersions: string[]): ClusterFacts {
  const served = kubernetesVersion === "" ? [] : ["v1/Secret", "apiextensions.k8s.io/v1/CustomResourceDefinition"];
  return { kubernetesVersion, provider: "", nodes: 1, apiVersions: [...served, ...apiVersions].sort() };
}

const MODERN = { about, factsOf: () => facts("v1.37.0") };

describe("what a cluster does not serve", () => {
  it("holds the app that would bring it, and names object, file, kind and cluster", () => {
    const fleet = new FleetModel(["a", "b"]);
    const serves = (cluster: string): ClusterFacts =>
      cluster === "a" ? facts("v1.37.0", "example.com/v1/Widget") : facts("v1.37.0", "example.com/v2/Widget");
    const { problems } = fleet.commit({ web: { a: [WIDGET], b: [WIDGET] } }, { about, factsOf: serves });
    expect(problems.map(formatProblem)).toEqual([
      `web/${WIDGET}.yaml: Widget.example.com web/w cannot be applied on cluster "b": the API server does not serve example.com/v1/Widget; it serves example.com/v2/Widget`,
    ]);
    expect(fleet.record("web")).toMatchObject({ revision: 0, held: expect.stringContaining("cannot be applied") });
  });

  it("is fine when another app of the same cluster brings the definition, and only there", () => {
    const fleet = new FleetModel(["a", "b"]);
    const { problems } = fleet.commit({ crds: { a: [DEFINITION] }, web: { a: [WIDGET] } }, MODERN);
    expect(problems).toEqual([]);
    const elsewhere = fleet.commit({ crds: { a: [DEFINITION] }, web: { b: [WIDGET] } }, MODERN);
    expect(elsewhere.problems.map(({ code, app }) => [code, app])).toEqual([["unknown-kind", "web"]]);
  });

  it("is only a warning while nothing of the kind is known: an operator may bring its definition", () => {
    const fleet = new FleetModel(["a"]);
    const { problems } = fleet.commit({ web: { a: [WIDGET] } }, MODERN);
    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([["warning", "unknown-kind"]]);
    expect(fleet.record("web")?.held).toBeUndefined();
  });

  it("is not judged on a cluster that has not said what it serves", () => {
    const fleet = new FleetModel(["a"]);
    expect(fleet.commit({ web: { a: [WIDGET] } }, { about, factsOf: () => facts("") }).problems).toEqual([]);
  });

  it("only warns where the cluster has that pack already", () => {
    const fleet = new FleetModel(["a", "b"]);
    fleet.commit({ web: { a: [CRON] } }, { about, factsOf: () => facts("v1.24.0", "batch/v1beta1/CronJob") });
    const upgraded = fleet.commit({ web: { a: [CRON] } }, MODERN);
    expect(upgraded.problems.map(({ severity, code }) => [severity, code])).toEqual([["warning", "removed-api"]]);
    expect(fleet.record("web")?.held).toBeUndefined();
    const wider = fleet.commit({ web: { a: [CRON], b: [CRON] } }, MODERN);
    expect(wider.problems.map(formatProblem)).toEqual([
      `web/${CRON}.yaml: CronJob web/c cannot be applied on cluster "b": Kubernetes 1.25 removed batch/v1beta1/CronJob; write batch/v1`,
    ]);
  });

  it("is told by the version alone where the API server's kinds are not known", () => {
    const fleet = new FleetModel(["a"]);
    const bare = { ...facts("v1.30.2"), apiVersions: [] };
    expect(fleet.commit({ web: { a: [CRON, WIDGET] } }, { about, factsOf: () => bare }).problems).toMatchObject([
      { severity: "error", code: "removed-api", app: "web" },
    ]);
  });
});

describe("secrets in the clear", () => {
  it("S3: hold the app where the fleet denies them", () => {
    const fleet = new FleetModel(["a"]);
    const { problems } = fleet.commit({ web: { a: [SECRET] } }, { about, guards: { plainSecrets: "deny" } });
    expect(problems).toMatchObject([{ severity: "error", code: "plain-secret", app: "web" }]);
    expect(fleet.record("web")?.targets).toEqual({});
  });

  it("are a warning unless the fleet says otherwise", () => {
    const fleet = new FleetModel(["a"]);
    expect(fleet.commit({ web: { a: [SECRET] } }, { about }).problems).toMatchObject([
      { severity: "warning", code: "plain-secret", place: { file: `web/${SECRET}.yaml` } },
    ]);
    expect(fleet.commit({ web: { a: [SECRET] } }, { about, guards: { plainSecrets: "allow" } }).problems).toEqual([]);
  });
});

describe("the cost of guards", () => {
  it("grows with the pairs of apps and clusters, not faster", () => {
    const clusters = Array.from({ length: 1_000 }, (_, index) => `c${index}`);
    const served = facts("v1.37.0", ...Array.from({ length: 200 }, (_, index) => `g${index}.example.com/v1/Kind`));
    const apps = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [
        `app-${index}`,
        Object.fromEntries(clusters.map((cluster) => [cluster, [`g${index}.example.com/Kind/n/x${index}`]])),
      ]),
    );
    const kinds = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [
        `g${index}.example.com/Kind/n/x${index}`,
        { apiVersion: `g${index}.example.com/v1` },
      ]),
    );
    const fleet = new FleetModel(clusters);
    let asked = 0;
    const factsOf = (): ClusterFacts => {
      asked += 1;
      return { ...served, apiVersions: [...served.apiVersions] };
    };
    expect(fleet.commit(apps, { about: kinds, factsOf }).problems).toEqual([]);
    expect(asked).toBe(clusters.length);
  });
});
