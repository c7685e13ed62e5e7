import { join } from "node:path";
import type { Variant } from "@axle/core/placement/variant.ts";
import { readObjects, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { helmCapabilities } from "./helm-capabilities.ts";
import { placeOf, RenderError } from "./render-error.ts";
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
  /** It may name any file of the repository, not only those in its folder and below. */
  readonly readsAnywhere: boolean;
}

export interface KustomizeTools {
  readonly sandbox: Sandbox;
  readonly kustomize: string;
  readonly helm: string;
  /** The repository is that of whoever runs this, on their own machine. */
  readonly isTrusted?: boolean;
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
  const anywhere = source.readsAnywhere ? ["--load-restrictor", "LoadRestrictionsNone"] : [];
  if (source.readsAnywhere) await assertConfined(index, file, tools);
  const subject = subjectOf(source.variant);
  const cwd = join(index.snapshot.root, folder);
  const command = {
    program: tools.kustomize,
    args: ["build", ".", ...anywhere, ...helm],
    cwd,
    writes: usesHelm,
    subject,
  };
  const run = async (): Promise<readonly FoundObject[]> =>
    readObjects(await tools.sandbox.run(command, tools.signal), { file, own: false }, tools.signal);
  try {
    return { renders: await renderRepeatedly(source.repetition, { render: run }, tools.signal), warnings: [] };
  } catch (error) {
    throw withRemedy(explainFailure(error, { index, folder, file }));
  }
}

/** Without kustomize's own restriction only the jail keeps it from reading the machine's files. */
async function assertConfined(index: SnapshotIndex, file: string, tools: KustomizeTools): Promise<void> {
  if (tools.isTrusted === true) return;
  const { files } = await tools.sandbox.prepare(tools.kustomize, index.snapshot.root);
  if (files === "jail") return;
  const message =
    "spec.kustomize.loadRestrictor of axle.yaml is none, and on the hub's machine renderers cannot be kept from its other " +
    "files; run the hub as root or where user namespaces are allowed, or take the setting out";
  throw new RenderError("tool", message, { place: placeOf(file) });
}

function withRemedy(error: unknown): unknown {
  if (!(error instanceof RenderError) || !/is not in or below/.test(error.message)) return error;
  const remedy =
    "kustomize reads files in the kustomization's folder and below alone; move it there, make it a base, or set " +
    "spec.kustomize.loadRestrictor: none in axle.yaml, which lets kustomizations read the whole repository";
  const { place } = error;
  return new RenderError(error.code, `${error.message}: ${remedy}`, { ...(place && { place }), cause: error });
}
