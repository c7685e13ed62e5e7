/** Holds the numbered invariants of docs/spec against the titles of tests, both ways. */
import { glob, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const TITLE = /\b(?:it|test|describe)(?:\.\w+)*\(\s*["'`]((?:[SL]\d+(?:, )?)+):/g;

const spec = await readFile(`${root}/docs/spec/invariants.md`, "utf8");
const promised = new Set([...spec.matchAll(/^\| ([SL]\d+) \|/gm)].map(([, number]) => number ?? ""));
const guarded = new Map<string, string>();
for await (const path of glob("*/src/**/*.test.ts", { cwd: root, exclude: (name) => name === "node_modules" })) {
  for (const [, numbers = ""] of (await readFile(`${root}/${path}`, "utf8")).matchAll(TITLE)) {
    for (const number of numbers.split(", ")) guarded.set(number, path);
  }
}

const faults = [
  ...[...promised]
    .filter((number) => !guarded.has(number))
    .map((number) => `${number}: no test's title begins with it`),
  ...[...guarded]
    .filter(([number]) => !promised.has(number))
    .map(([number, path]) => `${number}: ${path} guards it, docs/spec/invariants.md does not promise it`),
];
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
}
