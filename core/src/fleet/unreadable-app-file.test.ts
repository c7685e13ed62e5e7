import { describe, expect, it } from "vitest";
import { readContract } from "./parse-contract.ts";

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\n";
const APP = `apiVersion: axle.dev/v1
kind: App
metadata: { name: web }
spec:
  source: { path: . }
  clusters: { all: true }
`;

describe("an App file nobody can read", () => {
  it.each([
    ["is cut off", "spec: [", "syntax"],
    ["is empty", "", "schema"],
    ["holds only a comment", "# later\n", "schema"],
    ["is UTF-16, as some editors save it", "a\0p\0i\0V\0", "syntax"],
    ["holds characters that YAML does not allow", `${APP}  values: { a: "\u0001" }\n`, "syntax"],
    ["is a text and no object", "later\n", "schema"],
    ["is a list of our objects", "- apiVersion: axle.dev/v1\n  kind: App\n", "schema"],
    ["has neither apiVersion nor source", "kind: App\nspec: { sources: {}, clusters: { all: true } }\n", "schema"],
    ["has an empty apiVersion", APP.replace("axle.dev/v1", ""), "schema"],
    ["is misspelt twice", "apiVersion: axel.dev/v1\nkind: Ap\n", "schema"],
  ])("S3: refuses the commit when it %s, for its app must not look deleted", (_, text, code) => {
    const { problems } = readContract({
      paths: ["axle.yaml", "a/app.yaml"],
      texts: new Map([
        ["axle.yaml", FLEET],
        ["a/app.yaml", text],
      ]),
    });
    expect(problems).toMatchObject([{ severity: "error", code, place: { file: "a/app.yaml" } }]);
  });
});
