import fc from "fast-check";
import { expect, test } from "vitest";
import { parseYaml } from "./parse-yaml.ts";
import { replaceScalars } from "./replace-scalars.ts";

test("only the scalars named change, however they are written", () => {
  const text = [
    "# a comment",
    "resources: # more",
    "- https://a # why",
    '- "https://b"',
    "- >-",
    "  https://c",
    "- keep.yaml",
    "commonLabels: {v: 1.10, on: yes}",
    "openapi: {path: 'https://d'}",
    "",
  ].join("\n");
  const edits = [
    { path: ["resources", 0], value: "x/0" },
    { path: ["resources", 1], value: "x/1" },
    { path: ["resources", 2], value: "x/2" },
    { path: ["openapi", "path"], value: "x/3" },
  ];
  expect(replaceScalars(text, edits)).toBe(
    [
      "# a comment",
      "resources: # more",
      '- "x/0" # why',
      '- "x/1"',
      '- "x/2"',
      "- keep.yaml",
      "commonLabels: {v: 1.10, on: yes}",
      'openapi: {path: "x/3"}',
      "",
    ].join("\n"),
  );
});

test("an alias of one scalar is replaced where it is used; what a larger alias brought in cannot be", () => {
  expect(replaceScalars("a: &u https://a\nb: *u\n", [{ path: ["b"], value: "x" }])).toBe('a: &u https://a\nb: "x"\n');
  expect(replaceScalars("a: &u [https://a]\nb: *u\n", [{ path: ["b", 0], value: "x" }])).toBeUndefined();
  expect(replaceScalars("a: 1\n", [{ path: ["b", 0], value: "x" }])).toBeUndefined();
  expect(replaceScalars("", [{ path: ["b"], value: "x" }])).toBeUndefined();
});

test("whatever the texts, what is read back has them at their places and everything else as before", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(
      fc.array(name, { minLength: 1, maxLength: 5 }),
      fc.array(name, { minLength: 5, maxLength: 5 }),
      (list, values) => {
        const text = `before: 1.10\nlist:\n${list.map((item) => `- ${JSON.stringify(item)}\n`).join("")}after: [0400]\n`;
        const edits = list.map((_, index) => ({ path: ["list", index], value: values[index] ?? "" }));
        const changed = replaceScalars(text, edits) ?? "";
        expect(parseYaml(changed)[0]?.value).toEqual({ before: 1.1, list: values.slice(0, list.length), after: [256] });
      },
    ),
  );
});
