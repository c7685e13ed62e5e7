import fc from "fast-check";
import { expect, test } from "vitest";
import type { SnapshotFile } from "../../ports.ts";
import { diffTrees, foldersOf, type Tree } from "./tree.ts";

/** A tree from paths to contents; ids follow from content, as Git's do. */
function treeOf(files: Readonly<Record<string, string>>, path = ""): Tree {
  const own: { path: string; file: SnapshotFile }[] = [];
  const below = new Map<string, Record<string, string>>();
  for (const [name, content] of Object.entries(files)) {
    const slash = name.indexOf("/");
    if (slash < 0) {
      const mode = content.startsWith("->") ? "link" : "file";
      own.push({ path: join(path, name), file: { oid: content, mode, size: content.length } });
    } else {
      const folder = below.get(name.slice(0, slash)) ?? {};
      folder[name.slice(slash + 1)] = content;
      below.set(name.slice(0, slash), folder);
    }
  }
  const folders = [...below].map(([name, inner]) => treeOf(inner, join(path, name)));
  const oid = JSON.stringify([own.map((entry) => [entry.path, entry.file]), folders.map((folder) => folder.oid)]);
  return { path, oid, files: own, folders, ignored: [] };
}

function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** What a file system would do: refuses what a real one refuses. */
class Disk {
  readonly entries = new Map<string, string>([["", "folder"]]);

  apply(diff: ReturnType<typeof diffTrees>): void {
    for (const path of diff.removedFiles) {
      if (this.entries.get(path) === "folder" || !this.entries.delete(path)) throw new Error(`no file ${path}`);
    }
    for (const path of diff.removedFolders) {
      if (this.entries.get(path) !== "folder") throw new Error(`no folder ${path}`);
      if ([...this.entries.keys()].some((other) => other.startsWith(`${path}/`)))
        throw new Error(`${path} is not empty`);
      this.entries.delete(path);
    }
    for (const path of diff.addedFolders) this.#add(path, "folder");
    for (const { path, file } of diff.writtenFiles) {
      if (this.entries.get(path) === "folder") throw new Error(`${path} is a folder`);
      this.entries.delete(path);
      this.#add(path, file.oid);
    }
  }

  #add(path: string, content: string): void {
    if (this.entries.has(path)) throw new Error(`${path} is there`);
    const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    if (this.entries.get(parent) !== "folder") throw new Error(`no folder for ${path}`);
    this.entries.set(path, content);
  }
}

/** Names drawn so that files become folders and folders become files. */
const trees = fc
  .dictionary(
    fc.constantFrom("a", "b", "c"),
    fc.oneof(
      fc.constantFrom("1", "2", "->a"),
      fc.dictionary(
        fc.constantFrom("x", "y"),
        fc.oneof(fc.constantFrom("1", "2"), fc.dictionary(fc.constantFrom("p", "q"), fc.constantFrom("1", "2"))),
      ),
    ),
  )
  .map((nested) => treeOf(flatten(nested)));

function flatten(nested: object, path = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(nested).flatMap(([name, value]: [string, unknown]) =>
      typeof value === "string"
        ? [[join(path, name), value]]
        : Object.entries(flatten(value as object, join(path, name))),
    ),
  );
}

test("following commits one by one leaves on disk what building the last one from nothing does", () => {
  fc.assert(
    fc.property(fc.array(trees, { minLength: 1, maxLength: 5 }), (commits) => {
      const disk = new Disk();
      commits.forEach((tree, index) => disk.apply(diffTrees(commits[index - 1], tree)));
      const fresh = new Disk();
      fresh.apply(diffTrees(undefined, commits.at(-1) as Tree));
      expect(Object.fromEntries(disk.entries)).toEqual(Object.fromEntries(fresh.entries));
    }),
  );
});

test("equal trees differ in nothing, and folders come parents first", () => {
  const tree = treeOf({ "a/b/c": "1", d: "2" });
  expect(diffTrees(tree, treeOf({ "a/b/c": "1", d: "2" }))).toEqual({
    removedFiles: [],
    removedFolders: [],
    addedFolders: [],
    writtenFiles: [],
  });
  expect([...foldersOf(tree)].map(({ path }) => path)).toEqual(["", "a", "a/b"]);
});
