import type { SourceType } from "@axle/core/placement/variant.ts";
import type { SnapshotIndex } from "./snapshot-index.ts";

/** How a folder (a path without links) is rendered; undefined when nothing in it can be. */
export function sourceTypeOf(index: SnapshotIndex, folder: string): SourceType | undefined {
  if (index.hasChart(folder)) return "helm";
  if (index.kustomizationOf(folder) !== undefined) return "kustomize";
  return rawFilesOf(index, folder).files.length > 0 ? "raw" : undefined;
}

export interface RawFiles {
  readonly files: readonly string[];
  /** Folders below that are sources of their own and no part of this one. */
  readonly separate: readonly string[];
}

/**
 * The manifests of a raw source: YAML and JSON files of the folder and the folders below it, as `kubectl apply -R`
 * and Flux take them. Hidden files and folders are left out, and so is what has a chart or a kustomization of its own.
 */
export function rawFilesOf(index: SnapshotIndex, folder: string): RawFiles {
  const files: string[] = [];
  const separate: string[] = [];
  collectRawFiles(index, folder, { files, separate });
  return { files, separate };
}

function collectRawFiles(index: SnapshotIndex, folder: string, to: { files: string[]; separate: string[] }): void {
  const { files, folders } = index.childrenOf(folder);
  for (const path of files) {
    if (/\.(ya?ml|json)$/.test(path) && !isHidden(path) && index.find(path).type === "file") to.files.push(path);
  }
  for (const child of folders) {
    if (isHidden(child)) continue;
    if (index.hasChart(child) || index.kustomizationOf(child) !== undefined) to.separate.push(child);
    else collectRawFiles(index, child, to);
  }
}

function isHidden(path: string): boolean {
  return path.slice(path.lastIndexOf("/") + 1).startsWith(".");
}
