import { expect, test } from "vitest";
import { contractFilesOf, readContract } from "../fleet/parse-contract.ts";
import { resolve } from "./resolve.ts";

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\n";
const CLUSTER = {
  id: "id-dev",
  name: "dev",
  labels: {},
  values: {},
  facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
};

/** Keys of the variants of an app whose `sync` is this, in a fleet whose defaults are those. */
function variantKeys(sync: string, defaults = ""): readonly string[] {
  const app = `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: web }\nspec:\n  source: { path: . }\n  clusters: { all: true }\n  sync: { ${sync} }\n`;
  const texts = new Map([
    ["axle.yaml", `${FLEET}spec: { defaults: { sync: { ${defaults} } } }\n`],
    ["web/app.yaml", app],
  ]);
  const contract = readContract({ paths: contractFilesOf(texts.get("axle.yaml"), texts.keys()), texts });
  expect(contract.problems).toEqual([]);
  const sources = new Map([["web", { type: "helm", asksCapabilities: false } as const]]);
  return [
    ...(resolve({ contract, clusters: [CLUSTER], sources })
      .apps.get("web")
      ?.variants.keys() ?? []),
  ];
}

test("sync.regenerate is part of what is rendered, as text or number, of the App or of all apps by default", () => {
  const [without] = variantKeys("");
  expect(without).not.toContain("regenerate");
  expect(variantKeys("regenerate: 2")).toEqual(variantKeys('regenerate: "2"'));
  expect(variantKeys("", "regenerate: 2")).toEqual(variantKeys("regenerate: 2"));
  expect(variantKeys("regenerate: 3", "regenerate: 2")).toEqual(variantKeys("regenerate: 3"));
  expect(new Set([without, ...variantKeys("regenerate: 2"), ...variantKeys("regenerate: 3")]).size).toBe(3);
});
