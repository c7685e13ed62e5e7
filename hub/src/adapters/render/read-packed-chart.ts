import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Snapshot } from "../../ports.ts";
import type { SourceFile } from "../../source-ports.ts";
import { SourceError } from "../../sources/source-error.ts";
import { DEFAULT_CHART_LIMITS } from "../charts/chart-limits.ts";
import { unpackChart } from "../charts/unpack-chart.ts";

/**
 * The files of a chart that is packed under charts/, as `helm package` names it. Undefined for what cannot be looked
 * into: another name, a package within it, or what is no package at all, which helm will say.
 */
export async function readPackedChart(
  snapshot: Snapshot,
  path: string,
  signal: AbortSignal,
): Promise<readonly SourceFile[] | undefined> {
  const [, name, version] = /([^/]+?)-(v?\d+\.\d+\.\d+[^/]*)\.tgz$/.exec(path) ?? [];
  const size = snapshot.files.get(path)?.size ?? 0;
  if (name === undefined || version === undefined || size > DEFAULT_CHART_LIMITS.packageBytes) return undefined;
  try {
    const bytes = await readFile(join(snapshot.root, path), { signal });
    const files = await unpackChart(bytes, { name, version, limits: DEFAULT_CHART_LIMITS }, signal);
    return files.some((file) => file.path.endsWith(".tgz")) ? undefined : files;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
