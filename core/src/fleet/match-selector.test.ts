import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FleetCluster } from "./cluster.ts";
import { describeSelector, matchCluster } from "./match-selector.ts";
import { parseLabelSelector } from "./parse-label-selector.ts";
import type { ClusterSelector } from "./selector.ts";

type Matchable = Pick<FleetCluster, "name" | "labels" | "facts">;

const FACTS = { kubernetesVersion: "v1.37.2+k3s1", provider: "eks", nodes: 3, apiVersions: [] };
const CLUSTER: Matchable = { name: "eu-1", labels: { env: "prod", region: "eu" }, facts: FACTS };

function selector(parts: Partial<ClusterSelector>): ClusterSelector {
  return { all: false, matchLabels: {}, matchExpressions: [], names: [], ...parts };
}

describe("matchCluster", () => {
  it.each<[string, Partial<ClusterSelector>, string | undefined]>([
    ["labels that are all there", { matchLabels: { region: "eu", env: "prod" } }, "env=prod, region=eu"],
    ["a label with another value", { matchLabels: { env: "dev" } }, undefined],
    ["a label that is not there", { matchLabels: { tier: "db" } }, undefined],
    ["all", { all: true }, "all clusters"],
    ["nothing", {}, undefined],
    ["a name", { names: ["us-1", "eu-1"] }, "name eu-1"],
    ["another name", { names: ["us-1"] }, undefined],
    ["a name and a label", { names: ["eu-1"], matchLabels: { env: "prod" } }, "env=prod, name eu-1"],
    ["a name and a label that differs", { names: ["eu-1"], matchLabels: { env: "dev" } }, undefined],
    ["all, but not this", { all: true, exclude: selector({ names: ["eu-1"] }) }, undefined],
    ["all, but not that", { all: true, exclude: selector({ names: ["us-1"] }) }, "all clusters"],
    ["an exclusion that selects nothing", { all: true, exclude: selector({}) }, "all clusters"],
    ["a label of the prototype", { matchLabels: { constructor: "x" } }, undefined],
  ])("decides on %s", (_title, parts, because) => {
    expect(matchCluster(selector(parts), CLUSTER)?.because).toBe(because);
  });

  it.each([
    ["env in (prod, staging)", true],
    ["env in (dev)", false],
    ["tier in (db)", false],
    ["env notin (dev)", true],
    ["tier notin (db)", true],
    ["env!=prod", false],
    ["region", true],
    ["tier", false],
    ["!tier", true],
    ["!env", false],
    ["env=prod,!tier,region in (eu)", true],
    ["env=prod,tier", false],
  ])("reads %s as kubectl does", (text, expected) => {
    expect(matchCluster(parseLabelSelector(text), CLUSTER) !== undefined).toBe(expected);
  });

  it("lets facts narrow a match", () => {
    const on = (value: string) =>
      matchCluster(selector({ matchLabels: { env: "prod", "facts.axle.dev/kubernetes-minor": value } }), CLUSTER);
    expect(on("1.37")).toEqual({ because: "env=prod, facts.axle.dev/kubernetes-minor=1.37" });
    expect(on("1.36")).toBeUndefined();
  });

  it("does not let a label pass for a fact", () => {
    const pretender = { ...CLUSTER, labels: { "facts.axle.dev/provider": "gke" } };
    expect(matchCluster(parseLabelSelector("facts.axle.dev/provider=gke"), pretender)).toBeUndefined();
    expect(matchCluster(parseLabelSelector("facts.axle.dev/provider=eks"), pretender)).toBeDefined();
  });

  it("never depends on the order of labels, values or names", () => {
    const labels = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2"));
    fc.assert(
      fc.property(labels, labels, (wanted, given) => {
        const reversed = (map: Record<string, string>) => Object.fromEntries(Object.entries(map).reverse());
        const one = matchCluster(selector({ matchLabels: wanted }), { ...CLUSTER, labels: given });
        const other = matchCluster(selector({ matchLabels: reversed(wanted) }), {
          ...CLUSTER,
          labels: reversed(given),
        });
        expect(other).toEqual(one);
      }),
    );
  });
});

describe("describeSelector", () => {
  it("says a selector in words", () => {
    expect(
      describeSelector({ ...parseLabelSelector("env=prod,!x"), names: ["a"], exclude: parseLabelSelector("ring=3") }),
    ).toBe("env=prod, !x, name in (a), but not ring=3");
  });
});
