import { join } from "node:path";
import { unstableWarning } from "./compare-renders.ts";
import { readObjects, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { explainFailure } from "./renderer-message.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SnapshotIndex } from "./snapshot-index.ts";

export interface KustomizeSource {
  readonly index: SnapshotIndex;
  /** A path without links. */
  readonly folder: string;
  readonly usesHelm: boolean;
  readonly app: string;
}

export interface KustomizeTools {
  readonly sandbox: Sandbox;
  readonly kustomize: string;
  readonly helm: string;
  readonly signal: AbortSignal;
}

/** Runs `kustomize build` in the folder, twice when it runs helm, whose charts may render differently each time. Throws RenderError. */
export async function renderKustomize(source: KustomizeSource, tools: KustomizeTools): Promise<FoundObjects> {
  const { index, folder, usesHelm, app } = source;
  const file = index.kustomizationOf(folder) ?? folder;
  const helm = usesHelm ? ["--enable-helm", "--helm-command", { program: tools.helm }] : [];
  const cwd = join(index.snapshot.root, folder);
  const command = { program: tools.kustomize, args: ["build", ".", ...helm], cwd, writes: usesHelm };
  const run = async (): Promise<readonly FoundObject[]> =>
    readObjects(await tools.sandbox.run(command, tools.signal), { file, own: false });
  try {
    const renders = await Promise.all(usesHelm ? [run(), run()] : [run()]);
    const unstable = unstableWarning(renders, { app, file });
    return { objects: renders[0] ?? [], warnings: unstable === undefined ? [] : [unstable] };
  } catch (error) {
    throw explainFailure(error, { index, folder, file });
  }
}
