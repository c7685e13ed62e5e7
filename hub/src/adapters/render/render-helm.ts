import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeRef, refOf } from "@axle/core/manifest/object.ts";
import type { Variant } from "@axle/core/placement/variant.ts";
import { findLookup, mayVary, readChartTexts } from "./chart-texts.ts";
import { unstableWarning } from "./compare-renders.ts";
import { readObjects, warning, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { splitHelmOutput } from "./helm-output.ts";
import { fateOf } from "./hook-policy.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { explainFailure } from "./renderer-message.ts";
import type { Sandbox } from "./sandbox.ts";
import { CHART_FILE, joinPath, type SnapshotIndex } from "./snapshot-index.ts";

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
 * Runs `helm template`, twice at the same time when the chart holds anything that may render differently each time;
 * what does is named in a warning. Tests of the chart are dropped. Throws RenderError.
 */
export async function renderHelm(source: HelmSource, tools: HelmTools): Promise<FoundObjects> {
  const { index, folder, variant } = source;
  const file = joinPath(folder, CHART_FILE);
  const args = argumentsFor(source);
  const values = JSON.stringify(variant.values);
  const chart = await readChartTexts(index.snapshot, folder, tools.signal);
  const valuesTexts = await index.snapshot.readTexts(variant.valuesFiles, tools.signal);
  const run = async (): Promise<readonly FoundObject[]> => {
    const command = { program: tools.helm, args, cwd: index.snapshot.root, stdin: values };
    const output = await tools.sandbox.run(command, tools.signal);
    return splitHelmOutput(output, folder, index).flatMap((chunk) =>
      readObjects(chunk.text, { file: chunk.file, own: false }),
    );
  };
  let renders: readonly (readonly FoundObject[])[];
  try {
    renders = await Promise.all(mayVary(chart, [values, ...valuesTexts.values()]) ? [run(), run()] : [run()]);
  } catch (error) {
    throw explainFailure(error, { index, folder, file });
  }
  renders = renders.map((render) => render.filter(({ object }) => fateOf(object) !== "test"));
  const unstable = unstableWarning(renders, { app: variant.app, file });
  const warnings = unstable === undefined ? [] : [unstable];
  const lookup = findLookup(chart);
  if (lookup !== undefined) {
    const message = "uses lookup, which finds nothing here: charts are rendered without a cluster";
    warnings.push(warning(message, { app: variant.app, file: lookup }));
  }
  return { objects: keepHooks(renders[0] ?? [], variant.app, warnings), warnings };
}

function argumentsFor({ index, folder, variant }: HelmSource): string[] {
  const place = placeOf(joinPath(folder, CHART_FILE));
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(variant.app) || variant.app.length > 53) {
    const message = `the app's name "${variant.app}" becomes the release's, which Helm limits to 53 of a-z, 0-9 and -; shorten it`;
    throw new RenderError("source", message, { place });
  }
  const args = [
    "template",
    variant.app,
    `./${folder}`,
    "--namespace",
    variant.namespace ?? "default",
    "--include-crds",
    "--skip-tests",
  ];
  for (const path of variant.valuesFiles) {
    const found = index.find(path);
    if (found.type !== "file") {
      throw new RenderError(
        "source",
        `the values file "${path}" is not in the repository; check valuesFiles of the App`,
        { place },
      );
    }
    args.push("--values", csv(`./${found.path}`));
  }
  args.push("--values", "-");
  if (variant.capabilities !== undefined) {
    const { kubernetesVersion, apiVersions } = variant.capabilities;
    if (kubernetesVersion !== "") args.push("--kube-version", kubernetesVersion);
    const versions = new Set(apiVersions.flatMap((version) => [version, version.slice(0, version.lastIndexOf("/"))]));
    versions.delete("");
    if (versions.size > 0) args.push("--api-versions", [...versions].sort().map(csv).join(","));
  }
  return args;
}

/** Helm reads these arguments as CSV. */
function csv(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function keepHooks(found: readonly FoundObject[], app: string, warnings: Problem[]): readonly FoundObject[] {
  return found.filter(({ object, file }) => {
    const fate = fateOf(object);
    if (fate === "object") return true;
    const name = describeRef(refOf(object));
    const message =
      fate === "hook"
        ? `${name} is a Helm hook and is applied as an ordinary object`
        : `${name} is a Helm hook for deletion or rollback and is left out`;
    warnings.push(warning(message, { app, file }));
    return fate === "hook";
  });
}
