import { describe, expect, it } from "vitest";
import { readContract } from "../fleet/parse-contract.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import { compareTargets } from "./compare-targets.ts";
import type { TargetSide } from "./compare-targets.ts";
import { explainTargets } from "./explain-targets.ts";
import { resolve } from "./resolve.ts";

const texts = new Map([
  [
    "axle.yaml",
    `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec:
  layout:
    - path: apps/{app}/{env}
      clusters: { matchLabels: { env: "{env}" } }
`,
  ],
  [
    "edge/app.yaml",
    `apiVersion: axle.dev/v1
kind: App
metadata: { name: edge }
spec:
  source: { path: ./manifests }
  clusters: { matchLabels: { site: edge } }
  substitute: { RING: cluster.labels.ring }
  overrides:
    - clusters: { matchLabels: { env: prod } }
      namespace: edge-prod
`,
  ],
]);
const paths = [...texts.keys(), "apps/shop/dev/x.yaml", "apps/shop/prod/x.yaml", "edge/manifests/x.yaml"];
const contract = readContract({ paths, texts });
const raw = { type: "raw", asksCapabilities: false } as const;
const sources = new Map(["apps/shop/dev", "apps/shop/prod", "edge/manifests"].map((path) => [path, raw]));

function cluster(name: string, labels: Record<string, string>): FleetCluster {
  return {
    id: `id-${name}`,
    name,
    labels,
    values: {},
    facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
  };
}

function side(clusters: readonly FleetCluster[]): TargetSide {
  return { clusters, resolution: resolve({ contract, clusters, sources }) };
}

describe("comparing who gets what", () => {
  it("tells what a cluster gains, loses and gets otherwise when its labels change", () => {
    const before = side([cluster("a", { env: "dev", site: "edge", ring: "1" }), cluster("b", { env: "prod" })]);
    const after = side([cluster("a", { env: "prod", site: "edge", ring: "2" }), cluster("b", { env: "none" })]);
    expect(compareTargets(before, after).changes).toEqual([
      {
        cluster: "a",
        app: "edge",
        change: "changed",
        because: "site=edge",
        before: "edge/manifests",
        after: "edge/manifests",
        differs: ["namespace", "substitutions"],
      },
      {
        cluster: "a",
        app: "shop",
        change: "changed",
        because: "env=prod",
        before: "apps/shop/dev",
        after: "apps/shop/prod",
        differs: ["source"],
      },
      {
        cluster: "b",
        app: "shop",
        change: "lost",
        because: "env=prod",
        before: "apps/shop/prod",
        after: "",
        differs: [],
      },
    ]);
  });

  it("tells what a new cluster gets, and which errors it brings", () => {
    const before = side([cluster("a", { env: "dev" })]);
    const after = side([cluster("a", { env: "dev" }), cluster("n", { env: "dev", site: "edge" })]);
    const { changes, problems } = compareTargets(before, after);
    expect(changes.map(({ cluster: name, app, change, because }) => [name, app, change, because])).toEqual([
      ["n", "edge", "gained", "held"],
      ["n", "shop", "gained", "env=dev"],
    ]);
    expect(problems.filter(({ severity }) => severity === "error").map(({ code }) => code)).toEqual(["substitution"]);
  });

  it("finds nothing between equal fleets, in whatever order", () => {
    const clusters = [cluster("a", { env: "dev" }), cluster("b", { env: "prod" })];
    expect(compareTargets(side(clusters), side(clusters.toReversed()))).toEqual({ changes: [], problems: [] });
  });
});

describe("explaining targets", () => {
  it("says why, with overrides, and why not, with what is missing and where that stands", () => {
    const clusters = [cluster("a", { env: "prod", site: "edge", ring: "1" }), cluster("b", { env: "none" })];
    const rows = explainTargets({ apps: contract.apps, ...side(clusters) });
    expect(
      rows.map(({ cluster: name, app, gets, why, overrides, nearly }) => ({
        at: `${name}/${app}`,
        gets,
        why,
        overrides,
        nearly,
      })),
    ).toEqual([
      {
        at: "a/edge",
        gets: true,
        why: "site=edge (edge/app.yaml:6)",
        overrides: ["env=prod (edge/app.yaml:9)"],
        nearly: false,
      },
      { at: "a/shop", gets: true, why: "env=prod (axle.yaml:7)", overrides: [], nearly: false },
      { at: "b/edge", gets: false, why: "needs site=edge, has no site (edge/app.yaml:6)", overrides: [], nearly: true },
      {
        at: "b/shop",
        gets: false,
        why: "needs env=dev, has env=none; or needs env=prod, has env=none (axle.yaml:7)",
        overrides: [],
        nearly: true,
      },
    ]);
  });
});
