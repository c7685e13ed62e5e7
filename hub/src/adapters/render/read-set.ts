import type { ChartValues } from "./kustomization-references.ts";
import type { RenderError } from "./render-error.ts";
import { parentOf, type SnapshotIndex } from "./snapshot-index.ts";

/** What rendering a folder may read. */
export interface ReadSet {
  /** Paths that were asked for; with {@link describeReads} they say whether anything of it differs in another commit. */
  readonly requests: readonly string[];
  /** Equal text, equal content of everything that may be read: paths, what stands there, Git ids. */
  readonly text: string;
  readonly usesHelm: boolean;
  readonly charts: readonly ReadChart[];
  /** Every text that may become one of their values. */
  readonly chartValues: readonly string[];
  /** Charts are named by generators too, wherever those come from. */
  readonly usesGenerators: boolean;
  /** Repositories that are named without a ref, and the file that does it. */
  readonly unpinned: readonly { readonly url: string; readonly file: string }[];
  /** Why the folder must not be handed to a renderer. */
  readonly refusal: RenderError | undefined;
}

/** A chart that a kustomization has helm render; without a release name helm makes one up from the time. */
export interface ReadChart {
  readonly folder: string;
  readonly release: string;
  /** Files are paths in the repository. */
  readonly values: readonly ChartValues[];
}

/**
 * What stands at each path: folders with all below them (their Git id), and what links below them lead to, on and on.
 * A link's own content is part of its folder's id, what it leads to is not, so that is added.
 */
export function describeReads(index: SnapshotIndex, requests: readonly string[]): string {
  const lines = new Set<string>();
  const pending = [...requests];
  const seen = new Set<string>();
  /** Many links lead to one folder. */
  const opened = new Set<string>();
  for (let request = pending.pop(); request !== undefined; request = pending.pop()) {
    if (seen.has(request)) continue;
    seen.add(request);
    const found = index.find(request);
    const mode = found.type === "missing" ? wayTo(index, found.path) : modeOf(index, found.path);
    lines.add(JSON.stringify([request, found.type, found.path, found.oid, mode]));
    if (found.type !== "folder" || opened.has(found.path)) continue;
    opened.add(found.path);
    for (const link of index.linksBelow(found.path)) pending.push(link);
  }
  return [...lines].sort().join("\n");
}

/** How much of the way to what is missing is there: renderers say where it ends. */
function wayTo(index: SnapshotIndex, path: string): string {
  let way = path;
  while (way !== "" && index.find(way).type === "missing") way = parentOf(way);
  return `${index.find(way).type} ${way}`;
}

function modeOf(index: SnapshotIndex, path: string): string {
  return index.snapshot.files.get(path)?.mode ?? "";
}

const NO_HELM = { usesHelm: false, usesGenerators: false, charts: [], chartValues: [] } as const;

/** For charts and raw manifests: the folder. */
export function readSetOfFolder(index: SnapshotIndex, folder: string): ReadSet {
  const requests = [folder];
  return { requests, text: describeReads(index, requests), ...NO_HELM, unpinned: [], refusal: undefined };
}
