import { findTool } from "./locate-tool.ts";
import { toolCatalogue } from "./tool-catalogue.ts";
import { readVersion } from "./tool-version.ts";

// npm run tools [names…]: gets tools ahead of their first use, and says which binary each name stands for.
const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : toolCatalogue.map((tool) => tool.name);
const rows = [["NAME", "VERSION", "SOURCE", "PATH"]];
const failures: string[] = [];
// One after the other: each build uses all cores.
for (const name of names) {
  try {
    const { path, source } = await findTool(name);
    const tool = toolCatalogue.find((candidate) => candidate.name === name);
    const version = tool === undefined ? undefined : await readVersion(tool, path);
    rows.push([name, version ?? "unknown", source, path]);
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
  }
}
const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
for (const row of rows) {
  process.stdout.write(`${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`);
}
for (const failure of failures) process.stderr.write(`\n${failure}\n`);
if (failures.length > 0) process.exitCode = 1;
