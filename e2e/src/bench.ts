/** `npm run bench [name…]`: measures, and prints a table, or with `-o json` the list `[{name, figures}]`. */
import { parseArgs } from "node:util";
import { formatTable } from "@axle/cli/output/table.ts";
import { agentMemory } from "./bench/agent-memory.ts";
import type { Benchmark, Figure } from "./bench/benchmark.ts";
import { commitToApplied } from "./bench/commit-to-applied.ts";
import { render } from "./bench/render.ts";

const BENCHMARKS: readonly Benchmark[] = [commitToApplied, agentMemory, render];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { output: { type: "string", short: "o", default: "table" } },
});
const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const unknown = positionals.filter((name) => !BENCHMARKS.some((each) => each.name === name));
if (unknown.length > 0 || !["table", "json"].includes(values.output)) {
  const names = BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`).join("\n");
  console.error(`usage: npm run bench -- [name…] [-o table|json]\n${names}`);
  process.exit(2);
}

const results: { readonly name: string; readonly figures: readonly Figure[] }[] = [];
for (const benchmark of chosen) {
  const figures = await benchmark.run((text) => console.error(`${benchmark.name}: ${text}`));
  results.push({ name: benchmark.name, figures });
  if (values.output === "table") console.log(formatFigures(benchmark, figures));
}
if (values.output === "json") console.log(JSON.stringify(results, undefined, 2));

function formatFigures({ name, about }: Benchmark, figures: readonly Figure[]): string {
  const table = formatTable(
    figures,
    [
      { title: "WHAT", text: ({ label }) => label },
      { title: "MEDIAN", text: ({ value }) => value.toFixed(1), align: "right" },
      { title: "P90", text: ({ p90 }) => p90?.toFixed(1) ?? "", align: "right" },
      { title: "MAX", text: ({ max }) => max?.toFixed(1) ?? "", align: "right" },
      { title: "UNIT", text: ({ unit }) => unit },
      { title: "SAMPLES", text: ({ samples }) => String(samples ?? 1), align: "right" },
    ],
    { width: undefined, colour: false, wide: true },
  );
  return `${name}: ${about}\n${table}`;
}
