import { describe, expect, it } from "vitest";
import { formatProblem } from "../fleet/problem.ts";
import { idOf } from "./object.ts";
import { parseManifest, parseManifestInSteps } from "./parse-manifest.ts";

function idsOf(text: string): readonly string[] {
  const { objects, problems } = parseManifest(text, "x.yaml");
  expect(problems).toEqual([]);
  return objects.map(({ object }) => idOf(object));
}

describe("parseManifest", () => {
  it("reads several documents, each with its place", () => {
    const text =
      "# a\napiVersion: v1\nkind: Namespace\nmetadata: { name: web }\n---\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: web\n";
    const { objects } = parseManifest(text, "apps/web/x.yaml");
    expect(objects.map(({ object, place }) => [idOf(object), place])).toEqual([
      ["/Namespace//web", { file: "apps/web/x.yaml", line: 2, column: 1 }],
      ["apps/Deployment/web/web", { file: "apps/web/x.yaml", line: 7, column: 1 }],
    ]);
  });

  it("flattens lists, in lists too, and gives items of a typed list their kind", () => {
    const text = `apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: a } }
  - apiVersion: v1
    kind: ConfigMapList
    items:
      - metadata: { name: b }
      - metadata: { name: c }
---
{ apiVersion: v1, kind: List, items: [] }
---
{ apiVersion: v1, kind: List }
`;
    expect(idsOf(text)).toEqual(["/ConfigMap//a", "/ConfigMap//b", "/ConfigMap//c"]);
  });

  it("takes a kind that only ends in List for an object", () => {
    expect(idsOf("apiVersion: x.io/v1\nkind: AllowList\nmetadata: { name: a }\n")).toEqual(["x.io/AllowList//a"]);
  });

  it("takes an empty namespace for none and a null label for an empty one, as the API server does", () => {
    const text =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: '', labels: { x: }, annotations: }\n";
    expect(parseManifest(text, "x").objects[0]?.object.metadata).toEqual({ name: "a", labels: { x: "" } });
  });

  it.each([
    [
      "a: 1\n",
      [
        "x.yaml:1:1: apiVersion: missing, expected text",
        "kind: missing",
        "metadata: found nothing, expected a mapping",
      ],
    ],
    ["- 1\n", ["x.yaml:1:1: found a list, expected a Kubernetes object (apiVersion, kind, metadata)"]],
    ["apiVersion: v1\nkind: A\nmetadata: {}\n", ["x.yaml:3:1: metadata.name: missing, expected text"]],
    [
      "apiVersion: v1\nkind: A\nmetadata: { name: 0123 }\n",
      ["x.yaml:3:19: metadata.name: found the number 83, expected text; put it in quotes"],
    ],
    [
      "apiVersion: v1\nkind: A\nmetadata: { name: a/b }\n",
      ['metadata.name: found "a/b", expected text without a slash'],
    ],
    [
      "apiVersion: v1\nkind: A\nmetadata: { name: a, labels: { on: yes, n: 1 } }\n",
      [
        "metadata.labels.true: found the boolean true, expected text; put it in quotes",
        "metadata.labels.false: found the number 1",
      ],
    ],
    [
      "apiVersion: v1\nkind: A\nmetadata: { generateName: a- }\n",
      ["x.yaml:3:27: metadata.generateName: generateName gives another object at every apply; give the object a fixed"],
    ],
    ["apiVersion: v1\nkind: List\nitems: [3]\n", ["x.yaml:3:9: found the number 3, expected a Kubernetes object"]],
    ["a: [\n", ["x.yaml:2:1: flow sequence"]],
  ])("says what is wrong with %j", (text, messages) => {
    const problems = parseManifest(text, "x.yaml").problems;
    expect(problems.every(({ code, severity }) => code === "manifest" && severity === "error")).toBe(true);
    for (const [index, message] of messages.entries()) {
      expect(formatProblem(problems[index] as (typeof problems)[number])).toContain(message);
    }
    expect(problems).toHaveLength(messages.length);
  });
});

it("stops now and then, within one large document too", () => {
  const items = Array.from(
    { length: 500 },
    (_, index) => `- { apiVersion: v1, kind: ConfigMap, metadata: { name: c${index} } }\n`,
  );
  const text = `kind: List\napiVersion: v1\nitems:\n${items.join("")}`;
  const steps = parseManifestInSteps(text, "a.yaml");
  let stops = 0;
  let next = steps.next();
  for (; next.done !== true; next = steps.next()) stops += 1;
  expect(stops).toBeGreaterThan(10);
  expect(next.value).toEqual(parseManifest(text, "a.yaml"));
  expect(next.value.objects).toHaveLength(500);
});
