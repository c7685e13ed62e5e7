import type { SnapshotFile } from "../../ports.ts";
import type { GitObjects } from "./git-objects.ts";
import { join, parseTree, type TreeEntry } from "./parse-tree.ts";
import { RepositoryError } from "./repository-error.ts";

/** One folder of a commit. Never changed after it was made, so commits share the folders that are equal. */
export interface Tree {
  readonly path: string;
  readonly oid: string;
  readonly files: readonly TreeFile[];
  readonly folders: readonly Tree[];
  readonly ignored: readonly Ignored[];
}

export interface TreeFile {
  readonly path: string;
  readonly file: SnapshotFile;
}

/** What of a commit does not reach the tree on disk. */
export interface Ignored {
  readonly path: string;
  readonly why: "submodule" | "not-utf8";
  /** The commit recorded for a submodule. */
  readonly commit?: string;
}

export interface TreeLimits {
  /** All files together, checked out. */
  readonly totalBytes: number;
  /** Files and folders together. */
  readonly entries: number;
  readonly depth: number;
}

export const DEFAULT_TREE_LIMITS: TreeLimits = { totalBytes: 1024 ** 3, entries: 200_000, depth: 64 };

/**
 * Reads a tree from Git objects, reusing the parts of an earlier one that did not change: only folders on the way to
 * a change are read. Throws RepositoryError `too-large` as soon as a limit is passed (a few small objects can name
 * billions of files), `escapes` for unsafe names, `corrupt` for missing objects. With `path` the tree is one that is to
 * stand in that folder.
 */
export async function loadTree(
  objects: GitObjects,
  root: { readonly oid: string; readonly previous: Tree | undefined; readonly path?: string },
  limits: TreeLimits,
): Promise<Tree> {
  const { path = "", oid, previous } = root;
  const budget = { entries: limits.entries };
  const depth = path === "" ? 0 : path.split("/").length;
  const tree = await loadFolder({ objects, limits, budget }, { path, oid, depth }, previous);
  const bytes = sumBytes(tree);
  if (bytes > limits.totalBytes) {
    throw new RepositoryError(
      "too-large",
      `the commit's files take ${mebibytes(bytes)} checked out, the limit is ${mebibytes(limits.totalBytes)}; ` +
        "remove large files from the repository, or raise the hub's limit (--max-repository)",
    );
  }
  return tree;
}

interface Loading {
  readonly objects: GitObjects;
  readonly limits: TreeLimits;
  readonly budget: { entries: number };
}

interface FolderPlace {
  readonly path: string;
  readonly oid: string;
  readonly depth: number;
}

async function loadFolder(loading: Loading, place: FolderPlace, previous: Tree | undefined): Promise<Tree> {
  if (previous?.oid === place.oid) {
    spend(loading, countEntries(previous));
    return previous;
  }
  if (place.depth > loading.limits.depth) {
    throw new RepositoryError("too-large", `"${place.path}" is nested deeper than ${loading.limits.depth} folders`);
  }
  const object = await loading.objects.read(place.oid);
  if (object?.type !== "tree") {
    throw new RepositoryError("corrupt", `the mirror lacks the tree ${place.oid} of folder "${place.path}"`);
  }
  const { entries, unreadable } = parseTree(object.content, { folder: place.path, oid: place.oid });
  spend(loading, entries.length);

  const known = new Map(previous?.files.map((file) => [file.path, file.file]));
  const knownFolders = new Map(previous?.folders.map((folder) => [folder.path, folder]));
  const files: Promise<TreeFile>[] = [];
  const folders: Promise<Tree>[] = [];
  const ignored: Ignored[] = unreadable.map((name) => ({ path: join(place.path, name), why: "not-utf8" }));
  for (const entry of entries) {
    const path = join(place.path, entry.name);
    if (entry.type === "submodule") ignored.push({ path, why: "submodule", commit: entry.oid });
    else if (entry.type === "folder") {
      const child = { path, oid: entry.oid, depth: place.depth + 1 };
      folders.push(loadFolder(loading, child, knownFolders.get(path)));
    } else files.push(loadFile(loading.objects, { entry, path, mode: entry.type }, known.get(path)));
  }
  // Settled together, so that no rejection is left without a handler when another one wins.
  const loaded = await Promise.all([Promise.all(files), Promise.all(folders)]);
  return { path: place.path, oid: place.oid, files: loaded[0], folders: loaded[1], ignored };
}

async function loadFile(
  objects: GitObjects,
  at: { readonly entry: TreeEntry; readonly path: string; readonly mode: SnapshotFile["mode"] },
  known: SnapshotFile | undefined,
): Promise<TreeFile> {
  const { path, mode } = at;
  const { oid } = at.entry;
  if (known?.oid === oid) return { path, file: known.mode === mode ? known : { oid, mode, size: known.size } };
  const info = await objects.info(oid);
  if (info?.type !== "blob") throw new RepositoryError("corrupt", `the mirror lacks the content ${oid} of "${path}"`);
  return { path, file: { oid, mode, size: info.size } };
}

function spend(loading: Loading, entries: number): void {
  loading.budget.entries -= entries;
  if (loading.budget.entries < 0) {
    throw new RepositoryError(
      "too-large",
      `the commit holds more than ${loading.limits.entries} files and folders; split the repository, or raise the hub's limit (--max-repository-files)`,
    );
  }
}

/** What is left of the limits beside a tree. */
export function limitsBeside(tree: Tree, limits: TreeLimits): TreeLimits {
  return {
    ...limits,
    entries: limits.entries - countEntries(tree),
    totalBytes: limits.totalBytes - sumBytes(tree),
  };
}

const counts = new WeakMap<Tree, number>();

function countEntries(tree: Tree): number {
  let count = counts.get(tree);
  if (count === undefined) {
    count = tree.files.length + tree.folders.reduce((sum, folder) => sum + 1 + countEntries(folder), 0);
    counts.set(tree, count);
  }
  return count;
}

const sizes = new WeakMap<Tree, number>();

function sumBytes(tree: Tree): number {
  let size = sizes.get(tree);
  if (size === undefined) {
    size = tree.files.reduce((sum, { file }) => sum + file.size, 0);
    size += tree.folders.reduce((sum, folder) => sum + sumBytes(folder), 0);
    sizes.set(tree, size);
  }
  return size;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}

/** Every folder, parents before children, in Git's order. */
export function* foldersOf(tree: Tree): Generator<Tree> {
  yield tree;
  for (const folder of tree.folders) yield* foldersOf(folder);
}

/** What must happen on disk to bring `before` to `after`: first the removals in order, then the rest. */
export interface TreeDiff {
  readonly removedFiles: readonly string[];
  /** Children before parents. */
  readonly removedFolders: readonly string[];
  /** Parents before children. */
  readonly addedFolders: readonly string[];
  readonly writtenFiles: readonly TreeFile[];
}

/** Compares folder by folder and stops where ids are equal: the cost follows the change, not the repository. */
export function diffTrees(before: Tree | undefined, after: Tree): TreeDiff {
  const diff = {
    removedFiles: [] as string[],
    removedFolders: [] as string[],
    addedFolders: [] as string[],
    writtenFiles: [] as TreeFile[],
  };
  collectDiff(before, after, diff);
  return diff;
}

interface MutableDiff {
  readonly removedFiles: string[];
  readonly removedFolders: string[];
  readonly addedFolders: string[];
  readonly writtenFiles: TreeFile[];
}

function collectDiff(before: Tree | undefined, after: Tree | undefined, diff: MutableDiff): void {
  if (before === after || (before !== undefined && before.oid === after?.oid)) return;
  if (before === undefined && after !== undefined && after.path !== "") diff.addedFolders.push(after.path);
  const filesAfter = new Map(after?.files.map((entry) => [entry.path, entry]));
  const filesBefore = new Map(before?.files.map((entry) => [entry.path, entry.file]));
  for (const path of filesBefore.keys()) if (!filesAfter.has(path)) diff.removedFiles.push(path);
  for (const entry of filesAfter.values()) {
    const old = filesBefore.get(entry.path);
    if (old === undefined || old.oid !== entry.file.oid || old.mode !== entry.file.mode) diff.writtenFiles.push(entry);
  }
  const foldersAfter = new Map(after?.folders.map((folder) => [folder.path, folder]));
  const foldersBefore = new Map(before?.folders.map((folder) => [folder.path, folder]));
  for (const folder of foldersBefore.values()) {
    if (!foldersAfter.has(folder.path)) collectDiff(folder, undefined, diff);
  }
  for (const folder of foldersAfter.values()) collectDiff(foldersBefore.get(folder.path), folder, diff);
  if (before !== undefined && after === undefined) diff.removedFolders.push(before.path);
}
