import { expect, test } from "vitest";
import { readDependencies } from "./chart-dependencies.ts";

const https = "https://charts.example.com";
const chart = (entries: readonly Record<string, unknown>[]): string => JSON.stringify({ dependencies: entries });
const sources = (entries: readonly Record<string, unknown>[], locked?: readonly Record<string, unknown>[]) =>
  readDependencies({ chart: chart(entries), ...(locked !== undefined && { lock: chart(locked) }) }).map(
    ({ folder, source }) =>
      `${folder}: ${source.type === "chart" ? `${source.request.repository} ${source.request.version}` : source.type === "sibling" ? source.path : source.message}`,
  );

test("exact versions stand for themselves, ranges for what is locked", () => {
  const entries = [
    { name: "a", version: "1.2.3", repository: `${https}/` },
    { name: "b", version: "~1.2.0", repository: https },
    { name: "c", version: "", repository: "oci://registry.example.com/x" },
    { name: "d", version: "*", repository: "file://../d" },
  ];
  const locked = [
    { name: "a", version: "1.2.3" },
    { name: "b", version: "1.2.9" },
    { name: "c", version: "4.5.6" },
  ];
  expect(sources(entries, locked)).toEqual([
    `a: ${https} 1.2.3`,
    `b: ${https} 1.2.9`,
    "c: oci://registry.example.com/x 4.5.6",
    "d: ../d",
  ]);
});

test("two versions of one chart stand beside each other, two aliases of one stand once", () => {
  const entries = [
    { name: "a", version: "1.0.0", repository: https, alias: "x" },
    { name: "a", version: "2.0.0", repository: https, alias: "y" },
    { name: "b", version: "1.0.0", repository: https, alias: "x" },
    { name: "b", version: "1.0.0", repository: https, alias: "y" },
  ];
  expect(sources(entries)).toEqual([`a-1.0.0: ${https} 1.0.0`, `a-2.0.0: ${https} 2.0.0`, `b: ${https} 1.0.0`]);
});

test.each([
  [{ name: "a", version: "^1.0.0", repository: https }, /run "helm dependency update" and commit Chart.lock/],
  [{ name: "a", version: ">=1", repository: https }, /wanted at >=1/],
  [{ name: "a", version: "1.0.0" }, /names no repository/],
  [{ name: "a", version: "1.0.0", repository: "@stable" }, /write its address/],
  [{ name: "a", version: "1.0.0", repository: "alias:stable" }, /write its address/],
  [{ name: "a", version: "1.0.0", repository: "https://user:pass@charts.example.com" }, /credentials/],
])("%j is refused", (entry, words) => {
  expect(sources([entry])[0]).toMatch(words);
});

test("a lock file that says otherwise is told, and names that are no folder are left to helm", () => {
  const entry = { name: "a", version: "1.0.0", repository: https };
  expect(sources([entry], [{ name: "a", version: "1.1.0" }])[0]).toMatch(/wanted at 1.0.0 and locked at 1.1.0/);
  expect(sources([entry], [{ name: "a", version: "v1.0.0" }])).toEqual([`a: ${https} 1.0.0`]);
  expect(sources([{ ...entry, name: "../a" }, { ...entry, name: "a/b" }, { version: "1.0.0" }])).toEqual([]);
  expect(readDependencies({ chart: "[" })).toEqual([]);
  expect(readDependencies({ chart: "dependencies: 3" })).toEqual([]);
});
