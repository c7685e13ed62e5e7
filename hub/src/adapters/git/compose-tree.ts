import { encodeTree, type EncodedObject, type TreeMode } from "./loose-objects.ts";
import { join } from "./parse-tree.ts";
import { RepositoryError } from "./repository-error.ts";
import type { Tree } from "./tree.ts";

/** What is laid over a commit's tree, all of it read. */
export interface Overlay {
  /** By the folder they stand in, which is also the path of the tree. A folder of the commit that stands there gives way. */
  readonly mounts: ReadonlyMap<string, Tree>;
  /** New contents, by path; the mirror has them. */
  readonly replaced: ReadonlyMap<string, NewFile>;
}

export interface NewFile {
  readonly oid: string;
  readonly size: number;
  /** A link with its target as content. */
  readonly mode?: "link";
}

/**
 * A tree with mounts and replaced files in it. Folders on the way get the ids Git would give them: equal content, equal
 * id, so whoever compares folders by id (the checkout, memo keys) need not know that anything was composed.
 */
export function composeTree(base: Tree, overlay: Overlay): Tree {
  if (overlay.mounts.size === 0 && overlay.replaced.size === 0) return base;
  const root: Change = { children: new Map() };
  for (const [path, mount] of overlay.mounts) changeAt(root, path).mount = mount;
  for (const [path, file] of overlay.replaced) changeAt(root, path).file = file;
  return applyChange(base, "", root);
}

interface Change {
  readonly children: Map<string, Change>;
  mount?: Tree;
  file?: NewFile;
}

function changeAt(root: Change, path: string): Change {
  let change = root;
  for (const name of path.split("/")) {
    const next = change.children.get(name) ?? { children: new Map() };
    change.children.set(name, next);
    change = next;
  }
  return change;
}

function applyChange(before: Tree | undefined, path: string, change: Change): Tree {
  const base = change.mount ?? before;
  if (change.children.size === 0 && base !== undefined) return base;
  const files = new Map(base?.files.map((entry) => [entry.path, entry]));
  const folders = new Map(base?.folders.map((folder) => [folder.path, folder]));
  for (const [name, child] of change.children) {
    const at = join(path, name);
    if (child.file === undefined) {
      if (files.has(at)) throw inTheWay(at);
      folders.set(at, applyChange(folders.get(at), at, child));
    } else {
      if (folders.has(at)) throw inTheWay(at);
      const kept = files.get(at)?.file.mode === "executable" ? "executable" : "file";
      files.set(at, { path: at, file: { mode: kept, ...child.file } });
    }
  }
  const parts = { files: [...files.values()], folders: [...folders.values()] };
  // What stands in a submodule's place is no longer left out.
  const ignored = base?.ignored.filter((entry) => !folders.has(entry.path)) ?? [];
  return { path, oid: encodeFolder({ path, ...parts }).oid, ...parts, ignored };
}

function inTheWay(path: string): RepositoryError {
  const message = `"${path}" stands where the hub puts the files of another source; rename or remove it`;
  return new RepositoryError("escapes", message, { file: path });
}

const MODES = { file: "100644", executable: "100755", link: "120000" } as const satisfies Record<string, TreeMode>;

/** A folder as Git has it, without what is left out of it. */
export function encodeFolder({ path, files, folders }: Pick<Tree, "path" | "files" | "folders">): EncodedObject {
  const nameOf = (entry: string) => entry.slice(path === "" ? 0 : path.length + 1);
  return encodeTree([
    ...files.map(({ path: at, file }) => ({ name: nameOf(at), mode: MODES[file.mode], oid: file.oid })),
    ...folders.map((folder) => ({ name: nameOf(folder.path), mode: "40000" as const, oid: folder.oid })),
  ]);
}
