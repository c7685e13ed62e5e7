import type { Snapshot } from "../../ports.ts";
import { readChartTexts, repetitionOf, type Repetition } from "./chart-texts.ts";
import type { ReadSet } from "./read-set.ts";

/** How often a kustomization has to be built for the charts that it has helm render. */
export async function repetitionOfCharts(
  snapshot: Snapshot,
  { charts, chartValues, usesGenerators }: ReadSet,
  signal: AbortSignal,
): Promise<Repetition> {
  const found = new Set<Repetition>();
  // Without a name for the release helm makes one up from the time.
  if (charts.some(({ release }) => release === "")) found.add("later");
  if (usesGenerators) found.add("twice");
  for (const { folder } of charts) {
    found.add(repetitionOf(await readChartTexts(snapshot, folder, signal), chartValues));
  }
  return found.has("later") ? "later" : found.has("twice") ? "twice" : "once";
}
