import { describe, expect, test } from "vitest";
import { readKustomization } from "./kustomization-references.ts";

const read = (text: string) => readKustomization(text, "k/kustomization.yaml");

describe("what a kustomization refers to", () => {
  test("every field that holds a path is a reference with its place", () => {
    const { references } = read(
      [
        "resources: [a.yaml, ../base]",
        "components:",
        "- ../component",
        "patches:",
        "- path: patch.yaml",
        "- patch: '[]'",
        "configMapGenerator:",
        "- name: x",
        "  files: [key=file.txt, plain.txt]",
        "  env: some.env",
        "  envs: [other.env]",
        "replacements: [{path: r.yaml}]",
        "openapi: {path: schema.json}",
        "patchesStrategicMerge:",
        "- |-",
        "  kind: X",
        "- merge.yaml",
      ].join("\n"),
    );
    expect(references.map(({ value }) => value).toSorted()).toEqual(
      [
        "a.yaml",
        "../base",
        "../component",
        "patch.yaml",
        "file.txt",
        "plain.txt",
        "some.env",
        "other.env",
        "r.yaml",
        "schema.json",
        "merge.yaml",
      ].toSorted(),
    );
    expect(references.find(({ value }) => value === "../component")?.place).toEqual({
      file: "k/kustomization.yaml",
      line: 3,
      column: 3,
    });
  });

  test("every text may be a path, also in YAML inside the YAML", () => {
    const { texts } = read("anything:\n- |-\n  deep: {list: [../x/y]}\nfiles: [a=../b]\n");
    expect(texts).toEqual(expect.arrayContaining(["../x/y", "../b", "anything"]));
  });

  test("a text that stands at many places by aliases is looked into once", () => {
    const inner = JSON.stringify(`a: &a ../x\nb: [${Array(500).fill("*a").join(",")}]\n`);
    const { texts } = read(`k: &o ${inner}\nl: [${Array(500).fill("*o").join(",")}]\n`);
    expect(texts).toEqual(expect.arrayContaining(["../x"]));
    expect(texts.length).toBeLessThan(20);
  });

  test("YAML inside YAML without end is not looked into, and runs no helm", () => {
    const nested = (text: string): string =>
      Array.from({ length: 8 }).reduce<string>((inner) => JSON.stringify({ a: inner }), text);
    expect(read(nested("../x"))).toMatchObject({ fault: undefined });
    expect(read(nested("kind: HelmChartInflationGenerator")).fault?.message).toContain("YAML inside YAML");
  });

  test("charts that kustomize would run helm on are seen wherever they are written", () => {
    const { usesHelm, helmPaths } = read(
      "helmGlobals: {chartHome: ../charts}\nhelmCharts: [{name: ok, valuesFile: v.yaml}, {name: ../../x}]\n" +
        "generators:\n- |-\n  kind: HelmChartInflationGenerator\n  chartHome: /etc\n",
    );
    expect(usesHelm).toBe(true);
    expect(helmPaths.map(({ value }) => value).toSorted()).toEqual(["../charts", "/../../x", "/etc", "v.yaml"]);
    expect(read("resources: [a.yaml]\n").usesHelm).toBe(false);
  });

  test("what cannot be read is told, not thrown", () => {
    expect(read("resources: [a\n").fault).toMatchObject({ place: { file: "k/kustomization.yaml" } });
    expect(read("- a\n")).toMatchObject({ references: [], fault: undefined });
    expect(read("")).toMatchObject({ references: [], texts: [], fault: undefined });
  });
});
