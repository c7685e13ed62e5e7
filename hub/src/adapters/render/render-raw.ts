import type { Snapshot } from "../../ports.ts";
import { readObjects, warning, type FoundObject, type FoundObjects } from "./finish-objects.ts";
import { SnapshotIndex } from "./snapshot-index.ts";
import { rawFilesOf } from "./source-type.ts";

/** API group of our own files: they say what to deliver and are never delivered. */
const OWN_API_VERSION = "axle.dev/v1";

/** The manifests of a folder as they stand, without a process. Throws RenderError `manifest`. */
export async function renderRaw(
  snapshot: Snapshot,
  source: { readonly folder: string; readonly app: string },
  signal: AbortSignal,
): Promise<FoundObjects> {
  const { files, separate } = rawFilesOf(SnapshotIndex.of(snapshot), source.folder);
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
    for (const found of readObjects(text, { file, own: true })) {
      if (found.object.apiVersion !== OWN_API_VERSION) objects.push(found);
    }
  }
  return { renders: [objects], warnings };
}
