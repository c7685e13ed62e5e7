import { releaseNameFault } from "@axle/core/fleet/label-syntax.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { Variant } from "@axle/core/placement/variant.ts";
import { confinedVariation, findLookups, readChartTexts, repetitionOf } from "./chart-texts.ts";
import { readObjects, warning, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { explainMissing } from "./explain-missing.ts";
import { refuseLacking } from "./refuse-lacking.ts";
import { keepHooks } from "./hook-policy.ts";
import { capabilityArguments } from "./helm-arguments.ts";
import { splitHelmOutput } from "./helm-output.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { explainFailure } from "./renderer-message.ts";
import { renderRepeatedly } from "./render-repeatedly.ts";
import { subjectOf, type Sandbox } from "./sandbox.ts";
import { CHART_FILE, joinPath, type SnapshotIndex } from "./snapshot-index.ts";
import { layValues } from "./lay-values.ts";

export interface HelmSource {
  readonly index: SnapshotIndex;
  /** A path without links. */
  readonly folder: string;
  readonly variant: Variant;
}

export interface HelmTools {
  readonly sandbox: Sandbox;
  readonly helm: string;
  readonly signal: AbortSignal;
}

/**
 * Runs `helm template`, twice when the chart holds anything that may render differently each time;
 * which parts of it do is for the caller to find. Throws RenderError.
 */
export async function renderHelm(source: HelmSource, tools: HelmTools): Promise<FoundObjects> {
  const { index, folder, variant } = source;
  const file = joinPath(folder, CHART_FILE);
  const release = releaseOf(source);
  const subject = subjectOf(variant);
  const chart = await readChartTexts(index.snapshot, folder, tools.signal);
  await using values = await layValues({ index, variant, chartFile: file }, tools.sandbox, tools.signal);
  const args = [...values.args, ...capabilityArguments(variant)];
  const run = async (): Promise<readonly FoundObject[]> => {
    const cwd = index.snapshot.root;
    const command = { program: tools.helm, args: [...release, ...args], cwd, stdin: values.stdin, subject };
    const output = await tools.sandbox.run(command, tools.signal);
    const objects: FoundObject[] = [];
    for (const { text, file: from } of splitHelmOutput(output, folder, index)) {
      for (const object of await readObjects(text, { file: from, own: false }, tools.signal)) objects.push(object);
    }
    return objects;
  };
  const doubt = await refuseLacking({ index, folder, args, stdin: values.stdin, subject, texts: chart }, tools);
  let renders: readonly (readonly FoundObject[])[];
  try {
    const repetition = repetitionOf(chart, values.texts);
    const confined = repetition === "once" ? undefined : confinedVariation(chart, folder);
    const isKept = (found: FoundObject): boolean => confined?.has(found.file) === true;
    const isEnough = (first: readonly FoundObject[]): boolean => !keepHooks(first, variant.app).objects.some(isKept);
    renders = await renderRepeatedly(
      repetition,
      { render: run, ...(confined !== undefined && { isEnough }) },
      tools.signal,
    );
  } catch (error) {
    const explained = explainFailure(error, { index, folder, file });
    if (!(explained instanceof RenderError) || explained.code !== "dependency") throw explained;
    throw await explainMissing(explained, { index, folder }, tools.signal);
  }
  if (doubt !== undefined) throw explainFailure(doubt, { index, folder, file });
  const warnings: Problem[] = [];
  for (const template of findLookups(chart)) warnings.push(warning(LOOKUP, { app: variant.app, file: template }));
  return { renders, warnings };
}

const LOOKUP =
  "calls lookup, which finds nothing here: charts are rendered outside the cluster. If what it looks for decides whether " +
  "something is made anew, that is made anew each time; name what exists in values instead";

function releaseOf({ folder, variant }: HelmSource): readonly string[] {
  const place = placeOf(joinPath(folder, CHART_FILE));
  const release = variant.releaseName ?? variant.app;
  const fault = releaseNameFault(release);
  if (fault !== undefined) {
    const message = `the app's name becomes that of the Helm release: ${fault}; give a shorter one with spec.releaseName`;
    throw new RenderError("source", message, { place });
  }
  return [
    "template",
    release,
    `./${folder}`,
    "--namespace",
    variant.namespace ?? "default",
    "--include-crds",
    "--skip-tests",
  ];
}
