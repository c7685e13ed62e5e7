import { readContract } from "@axle/core/fleet/parse-contract.ts";
import { describe, expect, test } from "vitest";
import { hidesLayoutFolders, isInside, mayComeLater, missingProblems } from "./missing-parts.ts";
import { SourceError } from "./source-error.ts";

const FLEET = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec:
  layout:
    - { path: "apps/{app}/overlays/{env}", clusters: { all: true } }
    - { path: "vendor/{x}/deploy", app: "{x}", clusters: { all: true } }
`;
const APP = `apiVersion: axle.dev/v1
kind: App
metadata: { name: lib }
spec:
  source: { path: ./upstream/deploy }
  clusters: { all: true }
`;

function contract() {
  const texts = new Map([
    ["axle.yaml", FLEET],
    ["lib/app.yaml", APP],
  ]);
  return readContract({ paths: ["axle.yaml", "lib/app.yaml", "apps/web/overlays/prod/a.yaml"], texts });
}

const gone = new SourceError("unreachable", "the submodule is away");

describe("a submodule that is missing", () => {
  test.each([
    ["apps", true],
    ["apps/web", true],
    ["apps/web/overlays/prod", true],
    ["vendor/x", true],
    ["apps/web/overlays/prod/deeper", false],
    ["vendor", true],
    ["vendors", false],
    ["docs/theme", false],
    ["lib/upstream", false],
  ])("at %s hides apps of the layout: %s", (path, hides) => {
    const snapshot = { missing: new Map([[path, gone]]), submodules: [path] };
    expect(hidesLayoutFolders(contract(), snapshot)).toBe(hides);
    const said = missingProblems(contract(), snapshot).some(({ message }) => message.includes("stays where it is"));
    expect(said).toBe(hides);
  });

  test("holds the app whose folder stands in it, and no other", () => {
    const snapshot = { missing: new Map([["lib/upstream", gone]]), submodules: ["lib/upstream"] };
    expect(missingProblems(contract(), snapshot)).toMatchObject([
      {
        severity: "error",
        code: "source",
        app: "lib",
        message: "the submodule is away",
        place: { file: "lib/app.yaml" },
      },
    ]);
  });

  test("is asked for again when that may help", () => {
    expect(mayComeLater({ missing: new Map([["a", gone]]) })).toBe(true);
    expect(mayComeLater({ missing: new Map([["a", new SourceError("not-found", "x")]]) })).toBe(true);
    expect(mayComeLater({ missing: new Map([["a", new SourceError("unsafe", "x")]]) })).toBe(false);
    expect(mayComeLater({})).toBe(false);
  });
});

test("a large file that is missing hides no folder", () => {
  const snapshot = { missing: new Map([["apps/web/overlays/prod", gone]]), submodules: [] };
  expect(hidesLayoutFolders(contract(), snapshot)).toBe(false);
});

test("a path stands in a folder or is it", () => {
  expect(isInside(["a/b"], "a/b/c")).toBe(true);
  expect(isInside(["a/b"], "a/b")).toBe(true);
  expect(isInside(["a/b"], "a/bc")).toBe(false);
  expect(isInside(undefined, "a")).toBe(false);
});
