import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeMismatch, explainSelector } from "./explain-selector.ts";
import { matchCluster } from "./match-selector.ts";
import type { ClusterSelector } from "./selector.ts";

const facts = { kubernetesVersion: "v1.37.0", provider: "kind", nodes: 1, apiVersions: [] };
const selector = (parts: Partial<ClusterSelector>): ClusterSelector => ({
  all: false,
  matchLabels: {},
  matchExpressions: [],
  names: [],
  ...parts,
});
const cluster = (labels: Record<string, string>) => ({ name: "eu-1", labels, facts });

describe("explaining a selector", () => {
  it("names each part that fails and what the cluster has instead", () => {
    const wanted = selector({
      matchLabels: { env: "prod", region: "eu" },
      matchExpressions: [{ key: "ring", operator: "In", values: ["1", "2"] }],
      names: ["eu-2"],
    });
    const explanation = explainSelector(wanted, cluster({ env: "dev", region: "eu" }));
    expect(explanation.matches).toBe(false);
    expect(describeMismatch(explanation)).toBe(
      "needs env=prod, has env=dev; needs ring in (1, 2), has no ring; needs name in (eu-2), has name eu-1",
    );
  });

  it("says what a cluster is excluded by", () => {
    const wanted = selector({ all: true, exclude: selector({ matchLabels: { canary: "yes" } }) });
    const explanation = explainSelector(wanted, cluster({ canary: "yes" }));
    expect(describeMismatch(explanation)).toBe("excluded by canary=yes");
  });

  it("knows facts", () => {
    const wanted = selector({ all: true, matchLabels: { "facts.axle.dev/kubernetes-minor": "1.36" } });
    expect(describeMismatch(explainSelector(wanted, cluster({})))).toBe(
      "needs facts.axle.dev/kubernetes-minor=1.36, has facts.axle.dev/kubernetes-minor=1.37",
    );
  });

  it("agrees with the matcher for every selector that selects something", () => {
    const key = fc.constantFrom("env", "region", "ring");
    const value = fc.constantFrom("a", "b");
    const requirement = fc.record({
      key,
      operator: fc.constantFrom("In" as const, "NotIn" as const, "Exists" as const, "DoesNotExist" as const),
      values: fc.array(value, { minLength: 1, maxLength: 2 }),
    });
    const parts = {
      all: fc.constant(true),
      matchLabels: fc.dictionary(key, value, { maxKeys: 2 }),
      matchExpressions: fc.array(requirement, { maxLength: 2 }),
      names: fc.array(fc.constantFrom("eu-1", "eu-2"), { maxLength: 2 }),
    };
    const exclude = fc.option(fc.record(parts), { nil: undefined });
    fc.assert(
      fc.property(fc.record(parts), exclude, fc.dictionary(key, value), (wanted, without, labels) => {
        const whole = { ...wanted, ...(without !== undefined && { exclude: without }) };
        const { matches, parts: explained } = explainSelector(whole, cluster(labels));
        expect(matches).toBe(matchCluster(whole, cluster(labels)) !== undefined);
        expect(explained.every(({ holds }) => holds)).toBe(matches);
      }),
    );
  });
});
