import { isAppFileName } from "@axle/core/fleet/repository-path.ts";
import type { Snapshot } from "../../ports.ts";
import { readObjects, warning, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { SnapshotIndex } from "./snapshot-index.ts";
import { rawFilesOf } from "./source-type.ts";

const NOT_READ =
  "holds an App, which nobody reads: Apps are looked for in files named app.yaml or *.app.yaml; rename the file";

/** API group of our own files: they say what to deliver and are never delivered. */
const OWN_API_VERSION = "axle.dev/v1";

/** As much as a renderer may print. */
const MAX_TOTAL_BYTES = 64 * 1024 ** 2;

/** The manifests of a folder as they stand, without a process. Throws RenderError `manifest`, `too-large`. */
export async function renderRaw(
  snapshot: Snapshot,
  source: { readonly folder: string; readonly app: string },
  signal: AbortSignal,
): Promise<FoundObjects> {
  const index = SnapshotIndex.of(snapshot);
  const { files, separate } = rawFilesOf(index, source.folder);
  refuseLarge(index, files, source.folder);
  const texts = await snapshot.readTexts(files, signal);
  const objects: FoundObject[] = [];
  const warnings = separate.map((folder) =>
    warning(
      "has a chart or kustomization of its own and is no part of the manifests around it; make it an app, or remove it",
      {
        app: source.app,
        file: folder,
      },
    ),
  );
  for (const file of files) {
    const text = texts.get(file) ?? "";
    if (file.endsWith(".json") && !/"kind"\s*:/.test(text)) {
      warnings.push(warning("is JSON, but no Kubernetes object, and is left out", { app: source.app, file }));
      continue;
    }
    for (const found of await readObjects(text, { file, own: true }, signal)) {
      if (found.object.apiVersion !== OWN_API_VERSION) objects.push(found);
      else if (found.object.kind === "App" && !isAppFileName(file)) {
        warnings.push(warning(NOT_READ, { app: source.app, file }));
      }
    }
  }
  return { renders: [objects], warnings };
}

/** Before anything is read: all of it stands in memory at once. */
function refuseLarge(index: SnapshotIndex, files: readonly string[], folder: string): void {
  const sizeOf = (path: string): number => index.snapshot.files.get(index.find(path).path)?.size ?? 0;
  const total = files.reduce((sum, path) => sum + sizeOf(path), 0);
  if (total <= MAX_TOTAL_BYTES) return;
  const message = `holds ${total} bytes of manifests, an app may have ${MAX_TOTAL_BYTES}; split it, or move what is no manifest elsewhere`;
  throw new RenderError("too-large", message, { place: placeOf(folder) });
}
