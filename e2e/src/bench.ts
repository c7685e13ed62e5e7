/**
 * `npm run bench [name…]`: measures, and prints a table, or with `-o json` the list `[{name, load, figures}]`. `load` is
 * the machine's, over the last minute, before and after; each figure with a goal says whether it is met.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { formatTable } from "@axle/cli/output/table.ts";
import { agentApply } from "./bench/agent-apply.ts";
import { agentDrift } from "./bench/agent-drift.ts";
import { agentFollow } from "./bench/agent-follow.ts";
import { agentMemory } from "./bench/agent-memory.ts";
import { isMet } from "./bench/benchmark.ts";
import type { Benchmark, Figure, Goal } from "./bench/benchmark.ts";
import { commitToApplied } from "./bench/commit-to-applied.ts";
import { manyFiles } from "./bench/many-files.ts";
import { render } from "./bench/render.ts";
import { resolveFleet } from "./bench/resolve-fleet.ts";
import { resolveScale } from "./bench/resolve-scale.ts";

const BENCHMARKS: readonly Benchmark[] = [
  commitToApplied,
  agentApply,
  agentFollow,
  agentDrift,
  agentMemory,
  render,
  resolveFleet,
  resolveScale,
  manyFiles,
];

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

interface Load {
  readonly before: number;
  readonly after: number;
}

const results: { readonly name: string; readonly load: Load; readonly figures: readonly object[] }[] = [];
for (const benchmark of chosen) {
  const before = machineLoad();
  const figures = await benchmark.run((text) => console.error(`${benchmark.name}: ${text}`));
  const load = { before, after: machineLoad() };
  results.push({ name: benchmark.name, load, figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })) });
  if (values.output === "table") console.log(formatFigures(benchmark, figures, load));
}
if (values.output === "json") console.log(JSON.stringify(results, undefined, 2));

/** Processes that run or want to, over the last minute. */
function machineLoad(): number {
  return loadavg()[0] ?? 0;
}

function formatGoal({ least, most }: Goal): string {
  return least === most ? `${most}` : `at most ${Math.round(most)}`;
}

function formatFigures({ name, about }: Benchmark, figures: readonly Figure[], load: Load): string {
  const table = formatTable(
    figures,
    [
      { title: "WHAT", text: ({ label }) => label },
      { title: "MEDIAN", text: ({ value }) => value.toFixed(1), align: "right" },
      { title: "P90", text: ({ p90 }) => p90?.toFixed(1) ?? "", align: "right" },
      { title: "MAX", text: ({ max }) => max?.toFixed(1) ?? "", align: "right" },
      { title: "UNIT", text: ({ unit }) => unit },
      { title: "SAMPLES", text: ({ samples }) => String(samples ?? 1), align: "right" },
      { title: "GOAL", text: ({ goal }) => (goal === undefined ? "" : formatGoal(goal)) },
      { title: "MET", text: (figure) => ({ true: "yes", false: "NO", undefined: "" })[`${isMet(figure)}`] },
    ],
    { width: undefined, colour: false, wide: true },
  );
  return `${name}: ${about}\nload of the machine: ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after\n${table}`;
}
