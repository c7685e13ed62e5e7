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

  it.each([
    ["the last labels of a block", block, ["env-", "ring-"], [/labels:\n.*\n.*"2"\n/, "labels: {}\n"]],
    ["labels in flow style", flow, ["ring-"], [", ring: '2'", ""]],
    ["the first label in flow style", flow, ["env-"], ["env: prod, ", ""]],
    ["all labels in flow style", flow, ["env-", "ring-"], ["{env: prod, ring: '2'}", "{}"]],
  ] as const)("takes away %s and leaves every other character", (_, text, words, [before, after]) => {
    expect(edited(text, words)).toBe(text.replace(before, after));
  });

  it.each([
    ["a block", "  name: eu-1 # first\n", '  name: eu-1 # first\n  labels:\n    env: dev\n    ring: "1"\n'],
    ["a deeper block", "    name: eu-1\n", '    name: eu-1\n    labels:\n        env: dev\n        ring: "1"\n'],
  ])("begins the labels of %s without touching the rest", (_, name, expected) => {
    const rest = "\n# values\nspec:\n  values:\n    list:\n    - a\n    octal: 0o17\n";
    const head = "\ufeffapiVersion: axle.dev/v1\nkind: Cluster\nmetadata:\n";
    expect(edited(`${head}${name}${rest}`, ["env=dev", "ring=1"])).toBe(`${head}${expected}${rest}`);
  });

  it("begins them in flow style, and where they are empty", () => {
    expect(edited(flow, ["env=dev"], "eu-2")).toBe(flow.replace("name: eu-2 }", "name: eu-2, labels: { env: dev } }"));
    const empty = flow.replace("name: eu-2 }", "name: eu-2, labels: {} }");
    expect(edited(empty, ["env=dev"], "eu-2")).toBe(empty.replace("labels: {}", "labels: { env: dev }"));
  });

  it("keeps the line ends there are, and JSON JSON", () => {
    const windows = block.replaceAll("\n", "\r\n");
    expect(edited(windows, ["region=eu"])).toBe(windows.replace('"2"\r\n', '"2"\r\n        region: eu\r\n'));
    const json = '{"apiVersion":"axle.dev/v1","kind":"Cluster","metadata":{"name":"eu-1","labels":{"env":"dev"}}}\n';
    expect(JSON.parse(edited(json, ["env=prod", "ring=2"]) ?? "")).toMatchObject({
      metadata: { labels: { env: "prod", ring: "2" } },
    });
  });

  it("gives up where an anchor stands in the way", () => {
    const text = block.replace("prod", "&e prod").replace('"2"', "*e");
    expect(edited(text, ["env-"])).toBeUndefined();
    expect(edited(text, ["ring=2"])).toBe(block.replace("prod", "&e prod"));
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
