import { join } from "node:path";
import type { Variant } from "@axle/core/placement/variant.ts";
import { readObjects, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { helmCapabilities } from "./helm-capabilities.ts";
import { explainFailure } from "./renderer-message.ts";
import type { Repetition } from "./chart-texts.ts";
import { renderRepeatedly } from "./render-repeatedly.ts";
import { subjectOf, type Sandbox } from "./sandbox.ts";
import type { SnapshotIndex } from "./snapshot-index.ts";

export interface KustomizeSource {
  readonly index: SnapshotIndex;
  /** A path without links. */
  readonly folder: string;
  readonly usesHelm: boolean;
  readonly repetition: Repetition;
  readonly variant: Variant;
}

export interface KustomizeTools {
  readonly sandbox: Sandbox;
  readonly kustomize: string;
  readonly helm: string;
  readonly signal: AbortSignal;
}

/** Runs `kustomize build` in the folder, twice when a chart in it may render differently each time. Throws RenderError. */
export async function renderKustomize(source: KustomizeSource, tools: KustomizeTools): Promise<FoundObjects> {
  const { index, folder, usesHelm } = source;
  const file = index.kustomizationOf(folder) ?? folder;
  const { kubernetesVersion, apiVersions } = helmCapabilities(source.variant);
  const helm = usesHelm ? ["--enable-helm", "--helm-command", { program: tools.helm }] : [];
  if (usesHelm && kubernetesVersion !== "") helm.push("--helm-kube-version", kubernetesVersion);
  if (usesHelm) helm.push(...apiVersions.map((version) => `--helm-api-versions=${version}`));
  const subject = subjectOf(source.variant);
  const cwd = join(index.snapshot.root, folder);
  const command = { program: tools.kustomize, args: ["build", ".", ...helm], cwd, writes: usesHelm, subject };
  const run = async (): Promise<readonly FoundObject[]> =>
    readObjects(await tools.sandbox.run(command, tools.signal), { file, own: false }, tools.signal);
  try {
    return { renders: await renderRepeatedly(source.repetition, { render: run }, tools.signal), warnings: [] };
  } catch (error) {
    throw explainFailure(error, { index, folder, file });
  }
}
