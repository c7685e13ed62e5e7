import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { RenderError } from "./render-error.ts";
import type { Sandbox } from "./sandbox.ts";
import { CHART_FILE, joinPath, type SnapshotIndex } from "./snapshot-index.ts";

/** What a chart below another declares and does not have, though nothing switches it off. */
export interface LackingDependency {
  /** Called so by itself, or by who depends on it. */
  readonly chart: string;
  /** What it calls the chart that is not there. */
  readonly name: string;
  /** From the chart at the top, without it, down to `chart`. */
  readonly way: readonly string[];
}

/** A chart as helm is to render it. */
export interface HelmCall {
  readonly index: SnapshotIndex;
  /** The chart, a path without links. */
  readonly folder: string;
  /** What follows the name of the release and the chart: values and what the cluster can do. */
  readonly args: readonly string[];
  readonly stdin: string;
  /** Of the sandbox. */
  readonly subject: string;
}

export interface HelmProbeTools {
  readonly sandbox: Sandbox;
  readonly helm: string;
  readonly signal: AbortSignal;
}

/**
 * Helm looks for the dependencies of the chart at the top, and renders without those of the charts below that are not
 * there. What its conditions, tags, aliases and values switch off is nobody's loss, and nobody knows that as well as helm: so
 * it is asked, in a chart of links to the real one whose only template tells what is declared and not there. Throws
 * RenderError as any render does.
 */
export async function findLacking(
  { index, folder, args, stdin, subject }: HelmCall,
  tools: HelmProbeTools,
): Promise<readonly LackingDependency[]> {
  const { root } = index.snapshot;
  const probe = await tools.sandbox.makeFolder();
  try {
    for (const name of [CHART_FILE, "requirements.yaml", "values.yaml", ".helmignore", "charts"]) {
      const path = joinPath(folder, name);
      if (index.find(path).type === "missing") continue;
      await symlink(relative(probe, join(root, path)), join(probe, name));
    }
    await mkdir(join(probe, FIRST), { recursive: true });
    await writeFile(join(probe, FIRST, "lacking.yaml"), TEMPLATE);
    const command = ["template", "lacking", relative(root, probe), ...args];
    await tools.sandbox.run({ program: tools.helm, args: command, cwd: root, stdin, subject }, tools.signal);
  } catch (error) {
    const told = error instanceof RenderError ? /axle-lacking:(.*),?:axle-end/.exec(error.message)?.[1] : undefined;
    if (told === undefined) throw error;
    return JSON.parse(`[${told.replace(/,$/, "")}]`) as readonly LackingDependency[];
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
  throw new RenderError(
    "dependency",
    "helm did not say which charts it lacks; this version of helm is not known to do so",
  );
}

/** Helm runs templates in deep folders first, and this one ends it: what others say, or fail at, is for the render itself. */
const FIRST = `templates/${"a/".repeat(60)}`;

const TEMPLATE = `{{- define "axle.lacking" -}}
{{- range .chart.Chart.Dependencies -}}
{{- if and $.way (not (hasKey $.chart.Subcharts .Name)) -}}
{{- dict "chart" $.chart.Chart.Name "name" .Name "way" $.way | toJson -}},
{{- end -}}
{{- end -}}
{{- range $name, $sub := .chart.Subcharts -}}
{{- include "axle.lacking" (dict "chart" $sub "way" (append $.way $name)) -}}
{{- end -}}
{{- end -}}
{{- fail (printf "axle-lacking:%s:axle-end" (include "axle.lacking" (dict "chart" . "way" list))) -}}
`;
