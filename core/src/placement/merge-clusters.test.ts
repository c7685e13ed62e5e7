import { describe, expect, it } from "vitest";
import type { ClusterFile } from "../fleet/cluster.ts";
import { mergeClusters, offlineClusters } from "./merge-clusters.ts";

const FACTS = { kubernetesVersion: "v1.37.0", provider: "", nodes: 1, apiVersions: [] };
const PLACE = { file: "c.yaml", line: 1, column: 1 };
const file = (name: string, labels: Record<string, string>): ClusterFile => ({
  name,
  labels,
  values: { domain: name },
  declaredAt: PLACE,
});

describe("mergeClusters", () => {
  it("lets the file win label by label, and keeps what only the token says", () => {
    const registered = { id: "1", name: "eu", labels: { env: "dev", ring: "1" }, facts: FACTS };
    expect(mergeClusters([registered], [file("eu", { env: "prod", region: "eu" })])).toEqual([
      {
        id: "1",
        name: "eu",
        labels: { env: "prod", ring: "1", region: "eu" },
        values: { domain: "eu" },
        facts: FACTS,
      },
    ]);
  });

  it("makes no cluster of a file alone, and takes a cluster without a file as it registered", () => {
    const registered = { id: "1", name: "us", labels: {}, facts: FACTS };
    expect(mergeClusters([registered], [file("eu", {})])).toEqual([{ ...registered, values: {} }]);
  });

  it("sorts by name", () => {
    const two = ["b", "a"].map((name) => ({ id: name, name, labels: {}, facts: FACTS }));
    expect(mergeClusters(two, []).map(({ name }) => name)).toEqual(["a", "b"]);
  });
});

describe("offlineClusters", () => {
  it("takes the files for the fleet", () => {
    expect(offlineClusters([file("b", { env: "prod" }), file("a", {})])).toMatchObject([
      { id: "a", name: "a" },
      { id: "b", labels: { env: "prod" }, values: { domain: "b" }, facts: { kubernetesVersion: "" } },
    ]);
  });
});
