import type { Variant } from "@axle/core/placement/variant.ts";
import { readDependencies } from "./chart-dependencies.ts";
import { vendoredCharts } from "./chart-folder.ts";
import { readChartTexts, type ChartTexts } from "./chart-texts.ts";
import { explainLacking } from "./explain-missing.ts";
import { findLacking, type HelmCall, type HelmProbeTools } from "./find-lacking.ts";
import { capabilityArguments, valuesArguments } from "./helm-arguments.ts";
import type { ReadChart } from "./read-set.ts";
import { RenderError } from "./render-error.ts";
import { subjectOf } from "./sandbox.ts";
import { CHART_FILE, joinPath, parentOf, type SnapshotIndex } from "./snapshot-index.ts";

/**
 * Throws RenderError `dependency` for a chart that helm would render without a part of it. Gives what helm said where it
 * said something else: whoever renders the chart hears that as well, in better words, or must not trust the render.
 */
export async function refuseLacking(
  call: HelmCall & { readonly texts: ChartTexts },
  tools: HelmProbeTools,
): Promise<RenderError | undefined> {
  if (!mayLack(call.index, call.folder, call.texts)) return undefined;
  try {
    const lacking = await findLacking(call, tools);
    if (lacking.length === 0) return undefined;
    throw await explainLacking(lacking, call, tools.signal);
  } catch (error) {
    if (error instanceof RenderError && error.code === "renderer") return error;
    throw error;
  }
}

/** The same for all charts that a kustomization has helm render. */
export async function refuseLackingBelow(
  { index, charts, variant }: { index: SnapshotIndex; charts: readonly ReadChart[]; variant: Variant },
  tools: HelmProbeTools,
): Promise<RenderError | undefined> {
  const subject = subjectOf(variant);
  let doubt: RenderError | undefined;
  for (const chart of charts) {
    const folder = index.find(chart.folder).path;
    const texts = await readChartTexts(index.snapshot, folder, tools.signal);
    const files = chart.values.map((value) => (typeof value === "string" ? `./${index.find(value).path}` : "-"));
    const inline = chart.values.find((value) => typeof value !== "string");
    const args = [...valuesArguments(files), ...capabilityArguments(variant)];
    doubt ??= await refuseLacking({ index, folder, texts, args, stdin: JSON.stringify(inline ?? {}), subject }, tools);
  }
  return doubt;
}

/** Whether a chart below this one may lack something; when in doubt, it may. Asks nobody, for nearly all lack nothing. */
function mayLack(index: SnapshotIndex, folder: string, { others, archives }: ChartTexts): boolean {
  if (archives.length > 0) return true;
  const own = new Set([joinPath(folder, CHART_FILE), joinPath(folder, "requirements.yaml")]);
  return [...others].some(([path, text]) => {
    if (own.has(path) || !/(^|\/)(Chart|requirements)\.yaml$/.test(path) || !text.includes("dependencies"))
      return false;
    const chart = parentOf(path);
    const there = index.find(chart).type === "folder" ? vendoredCharts(index, chart) : packedIn(chart, others);
    return readDependencies({ chart: text }).some(({ name }) => !there.has(name));
  });
}

/** Names of the charts below one in an archive: there each stands in a folder of its name. */
function packedIn(chart: string, others: ReadonlyMap<string, string>): ReadonlySet<string> {
  const names = [...others.keys()].map((path) =>
    path.startsWith(`${chart}/charts/`) ? /^([^/]+)\/Chart\.yaml$/.exec(path.slice(chart.length + 8))?.[1] : undefined,
  );
  return new Set(names.filter((name) => name !== undefined));
}
