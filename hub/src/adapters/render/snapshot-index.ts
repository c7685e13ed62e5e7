import type { Snapshot } from "../../ports.ts";
import { resolvePath } from "../git/resolve-path.ts";

export const CHART_FILE = "Chart.yaml";
/** The names kustomize looks for, in its order. */
export const KUSTOMIZATION_FILES = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

/** What stands at a path once links are followed. */
export interface Found {
  readonly type: "file" | "folder" | "missing" | "outside";
  /** Without links; "" is the root. */
  readonly path: string;
  /** Git id; "" for what is missing. */
  readonly oid: string;
}

const indexes = new WeakMap<Snapshot, SnapshotIndex>();

/** Looks things up in one snapshot; made once per snapshot, its parts when they are first asked for. */
export class SnapshotIndex {
  readonly snapshot: Snapshot;
  readonly #links: readonly string[];
  #children: Map<string, { files: string[]; folders: string[] }> | undefined;

  private constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    this.#links = [...snapshot.links.keys()].sort();
  }

  static of(snapshot: Snapshot): SnapshotIndex {
    let index = indexes.get(snapshot);
    if (index === undefined) {
      index = new SnapshotIndex(snapshot);
      indexes.set(snapshot, index);
    }
    return index;
  }

  find(path: string): Found {
    const resolved = resolvePath(this.snapshot.links, path);
    if (resolved.type === "outside") return { type: "outside", path, oid: "" };
    if (resolved.type === "loop") return { type: "missing", path, oid: "" };
    const folder = this.snapshot.folders.get(resolved.path);
    if (folder !== undefined) return { type: "folder", path: resolved.path, oid: folder };
    const file = this.snapshot.files.get(resolved.path);
    if (file !== undefined) return { type: "file", path: resolved.path, oid: file.oid };
    return { type: "missing", path: resolved.path, oid: "" };
  }

  /** Links below a folder (a path without links), at any depth. */
  linksBelow(folder: string): readonly string[] {
    if (folder === "") return this.#links;
    // Sorted: they stand together, from the first that is not before the folder's own name.
    const prefix = `${folder}/`;
    let [from, to] = [0, this.#links.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#links[middle] as string) < prefix) from = middle + 1;
      else to = middle;
    }
    let end = from;
    while (this.#links[end]?.startsWith(prefix) === true) end += 1;
    return this.#links.slice(from, end);
  }

  /** The kustomization file of a folder, as a path. */
  kustomizationOf(folder: string): string | undefined {
    return KUSTOMIZATION_FILES.map((name) => joinPath(folder, name)).find((path) => this.find(path).type === "file");
  }

  hasChart(folder: string): boolean {
    return this.find(joinPath(folder, CHART_FILE)).type === "file";
  }

  /** Paths directly inside a folder, sorted. */
  childrenOf(folder: string): { readonly files: readonly string[]; readonly folders: readonly string[] } {
    this.#children ??= this.#readChildren();
    return this.#children.get(folder) ?? { files: [], folders: [] };
  }

  /** Every file below a folder, links not followed, sorted. */
  filesBelow(folder: string): readonly string[] {
    const { files, folders } = this.childrenOf(folder);
    return [...files, ...folders.flatMap((child) => this.filesBelow(child))];
  }

  #readChildren(): Map<string, { files: string[]; folders: string[] }> {
    const children = new Map<string, { files: string[]; folders: string[] }>();
    for (const folder of this.snapshot.folders.keys()) children.set(folder, { files: [], folders: [] });
    for (const folder of this.snapshot.folders.keys()) {
      if (folder !== "") children.get(parentOf(folder))?.folders.push(folder);
    }
    for (const file of this.snapshot.files.keys()) children.get(parentOf(file))?.files.push(file);
    for (const entry of children.values()) {
      entry.files.sort();
      entry.folders.sort();
    }
    return children;
  }
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

export function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
