import { describe, expect, it } from "vitest";
import { parseYaml } from "@axle/core/manifest/parse-yaml.ts";
import { applyLabelChange, parseLabelChange } from "./cluster-change.ts";
import { editLabels, writeClusterFile } from "./edit-cluster-file.ts";

const block = `# who owns it
apiVersion: axle.dev/v1
kind: Cluster
metadata:
    name: eu-1   # the first
    labels:
        env:   prod   # do not touch
        ring: "2"
spec: { values: {domain:   eu.example.com} }
`;
const flow = `apiVersion: axle.dev/v1
kind: Cluster
metadata: { name: eu-1,   labels: {env: prod, ring: '2'} } # all in one
---
apiVersion: axle.dev/v1
kind: Cluster
metadata: { name: eu-2 }
`;

function edited(text: string, words: readonly string[], cluster = "eu-1"): string | undefined {
  return editLabels(text, cluster, parseLabelChange(words));
}

describe("editing labels in a Cluster file", () => {
  it("replaces a value and leaves every other character", () => {
    expect(edited(block, ["env=dev"])).toBe(block.replace("prod   #", "dev   #"));
  });

  it("adds a label in the indentation there is, quoted where YAML would read a number or a boolean", () => {
    expect(edited(block, ["canary=yes", "region=eu"])).toBe(
      block.replace('ring: "2"\n', 'ring: "2"\n        canary: "yes"\n        region: eu\n'),
    );
  });

  it("takes a label away with its line", () => {
    expect(edited(block, ["ring-"])).toBe(block.replace('        ring: "2"\n', ""));
  });

  it("works in flow style too", () => {
    expect(edited(flow, ["region=eu", "ring=3"])).toBe(flow.replace("ring: '2'", 'ring: "3", region: eu'));
  });

  it.each([
    [["x=1"], "eu-2", { x: "1" }],
    [["env-"], "eu-1", { ring: "2" }],
    [["env-", "ring-"], "eu-1", {}],
  ])("makes %j mean what it says where the text has to be written anew, and keeps comments", (words, name, labels) => {
    const text = edited(flow, words, name) ?? "";
    const found = parseYaml(text).map(({ value }) => value as { metadata: { name: string; labels?: unknown } });
    expect(found.map(({ metadata }) => metadata.name)).toEqual(["eu-1", "eu-2"]);
    expect(found.find(({ metadata }) => metadata.name === name)?.metadata.labels ?? {}).toEqual(labels);
    expect(text).toContain("# all in one");
  });

  it("changes nothing that is so already", () => {
    expect(edited(block, ["env=prod", "absent-"])).toBe(block);
  });

  it("knows no cluster that is not there", () => {
    expect(edited(block, ["env=dev"], "us-1")).toBeUndefined();
  });
});

describe("a new Cluster file", () => {
  it("keeps text text", () => {
    const text = writeClusterFile("a-1", { ring: "2", date: "2026-01-01", on: "y" }, { domain: "x", n: 4 });
    expect(parseYaml(text).map(({ value }) => value)).toEqual([
      {
        apiVersion: "axle.dev/v1",
        kind: "Cluster",
        metadata: { name: "a-1", labels: { ring: "2", date: "2026-01-01", on: "y" } },
        spec: { values: { domain: "x", n: 4 } },
      },
    ]);
  });
});

describe("a change of labels", () => {
  it.each([["env"], ["=x"], ["a b=c"], ["facts.axle.dev/provider=x"], ["-"], ["env=ü"]])("refuses %s", (word) => {
    expect(() => parseLabelChange([word])).toThrow();
  });

  it("refuses to set and take away at once", () => {
    expect(() => parseLabelChange(["a=1", "a-"])).toThrow(/set and taken away/);
  });

  it("is applied over what is there", () => {
    expect(applyLabelChange({ a: "1", b: "2" }, parseLabelChange(["a=3", "b-", "c="]))).toEqual({ a: "3", c: "" });
  });
});
