import type { ChartDependency } from "./chart-dependencies.ts";
import { dependenciesOf, vendoredCharts } from "./chart-folder.ts";
import type { LackingDependency } from "./find-lacking.ts";
import { whyMissing } from "./refuse-reference.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { CHART_FILE, joinPath, type SnapshotIndex } from "./snapshot-index.ts";

interface ChartPlace {
  readonly index: SnapshotIndex;
  readonly folder: string;
}

/** Says of each chart that helm misses why it is not there. `error`: RenderError `dependency` with their names, as helm lists them. */
export async function explainMissing(
  error: RenderError,
  { index, folder }: ChartPlace,
  signal: AbortSignal,
): Promise<RenderError> {
  const names = new Set(error.message.split(/,\s*/));
  const dependencies = (await dependenciesOf(index, folder, signal)).filter(({ name }) => names.has(name));
  const words = dependencies.map((dependency) => describeMissing(index, dependency));
  const known = new Set(dependencies.map(({ name }) => name));
  for (const name of names) if (!known.has(name)) words.push(`${name} is not under charts/`);
  const message = `the chart depends on what is not there: ${words.join("; ")}; ${remedyIn(folder)}`;
  const place = error.place === undefined ? {} : { place: error.place };
  return new RenderError("dependency", message, { ...place, cause: error.cause });
}

/** The same for what charts below a chart lack, of which helm says nothing. */
export async function explainLacking(
  lacking: readonly LackingDependency[],
  { index, folder }: ChartPlace,
  signal: AbortSignal,
): Promise<RenderError> {
  const words = new Set<string>();
  for (const { chart, name, way } of lacking) {
    const { path, isFolder } = await chartAt({ index, folder }, way, signal);
    const dependencies = isFolder ? await dependenciesOf(index, path, signal) : [];
    const dependency = dependencies.find(({ calledNames }) => calledNames.includes(name));
    const why = dependency === undefined ? `${name} is not in it` : describeMissing(index, dependency);
    const remedy = isFolder ? remedyIn(path) : "pack it again with what it depends on";
    words.add(`the chart ${chart} (${path}) depends on what is not there: ${why}; ${remedy}`);
  }
  const message = `${[...words].join("; ")}. Helm would render the rest without it`;
  return new RenderError("dependency", message, { place: placeOf(joinPath(folder, CHART_FILE)) });
}

/** Where the chart stands that others call by these names, one below the other; as far as one can look into them. */
async function chartAt(
  { index, folder }: ChartPlace,
  way: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly isFolder: boolean }> {
  let path = folder;
  for (const called of way) {
    const declared = (await dependenciesOf(index, path, signal)).find(({ calledNames }) =>
      calledNames.includes(called),
    );
    const place = vendoredCharts(index, path).get(declared?.name ?? called);
    const found = place === undefined ? undefined : index.find(place);
    if (found?.type !== "folder") return { path: place ?? path, isFolder: false };
    path = found.path;
  }
  return { path, isFolder: true };
}

function describeMissing(index: SnapshotIndex, { name, source }: ChartDependency): string {
  if (source.type === "refused") return `${name} ${source.message}`;
  if (source.type === "chart") return `${name} ${source.request.version} ${whyMissing(index, source.request)}`;
  return `${name} is to stand at "${source.path}", where there is no chart, or one that depends on this one`;
}

function remedyIn(folder: string): string {
  return `or run "helm dependency build ${folder || "."}" and commit its charts/ folder`;
}
