import { dependenciesOf } from "./chart-folder.ts";
import { whyMissing } from "./refuse-reference.ts";
import { RenderError } from "./render-error.ts";
import type { SnapshotIndex } from "./snapshot-index.ts";

/** Says of each chart that helm misses why it is not there. `error`: RenderError `dependency` with their names, as helm lists them. */
export async function explainMissing(
  error: RenderError,
  { index, folder }: { readonly index: SnapshotIndex; readonly folder: string },
  signal: AbortSignal,
): Promise<RenderError> {
  const names = new Set(error.message.split(/,\s*/));
  const dependencies = (await dependenciesOf(index, folder, signal)).filter(({ name }) => names.has(name));
  const remedy = `or run "helm dependency build ${folder || "."}" and commit its charts/ folder`;
  const words = dependencies.map(({ name, source }) => {
    if (source.type === "refused") return `${name} ${source.message}`;
    if (source.type === "chart") return `${name} ${source.request.version} ${whyMissing(index, source.request)}`;
    return `${name} is to stand at "${source.path}", where there is no chart, or one that depends on this one`;
  });
  const known = new Set(dependencies.map(({ name }) => name));
  for (const name of names) if (!known.has(name)) words.push(`${name} is not under charts/`);
  const message = `the chart depends on what is not there: ${words.join("; ")}; ${remedy}`;
  const place = error.place === undefined ? {} : { place: error.place };
  return new RenderError("dependency", message, { ...place, cause: error.cause });
}
