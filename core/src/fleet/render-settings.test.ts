import { describe, expect, it } from "vitest";
import type { Contract } from "./contract.ts";
import { contractFilesOf, readContract } from "./parse-contract.ts";

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\n";

function appWith(more: string): string {
  const spec = "source: { path: . }, clusters: { all: true }";
  return `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: web }\nspec: { ${spec}${more} }\n`;
}

function read(files: Readonly<Record<string, string>>): Contract {
  const paths = Object.keys(files);
  const needed = contractFilesOf(files["axle.yaml"], paths);
  return readContract({ paths, texts: new Map(needed.map((path) => [path, files[path] as string])) });
}

describe("how an app is rendered", () => {
  it("lets the kustomizations of all apps read the whole repository where axle.yaml says so", () => {
    const files = {
      "a/app.yaml": appWith(""),
      "b/kustomization.yaml": "",
    };
    const restrictorOf = (spec: string) =>
      read({ ...files, "axle.yaml": `${FLEET}spec: { layout: [{ path: "{app}", clusters: { all: true } }]${spec} }` })
        .apps.flatMap(({ placements }) => placements)
        .map(({ readsAnywhere }) => readsAnywhere);
    expect(restrictorOf("")).toEqual([undefined, undefined]);
    expect(restrictorOf(", kustomize: { loadRestrictor: rootOnly }")).toEqual([undefined, undefined]);
    expect(restrictorOf(", kustomize: { loadRestrictor: none }")).toEqual([true, true]);
  });

  it("refuses a name no Helm release can have", () => {
    const { problems } = read({
      "axle.yaml": FLEET,
      "a/app.yaml": appWith(`, releaseName: ${"a".repeat(54)}`),
    });
    expect(problems).toMatchObject([{ code: "schema", field: "spec.releaseName" }]);
    expect(problems[0]?.message).toContain("53 characters");
  });
});
