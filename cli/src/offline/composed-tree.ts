import { createHash } from "node:crypto";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { proveInside, readLinks } from "@axle/hub/adapters/git/git-snapshot.ts";
import type { GitObjects } from "@axle/hub/adapters/git/git-objects.ts";
import { RepositoryError } from "@axle/hub/adapters/git/repository-error.ts";
import { DEFAULT_TREE_LIMITS, foldersOf, loadTree } from "@axle/hub/adapters/git/tree.ts";
import type { Tree } from "@axle/hub/adapters/git/tree.ts";
import type { Snapshot, SnapshotFile } from "@axle/hub/ports.ts";
import type { Composition } from "@axle/hub/source-ports.ts";
import { MountError } from "@axle/hub/sources/mount-error.ts";
import { SourceError } from "@axle/hub/sources/source-error.ts";
import { folderIds } from "./folder-ids.ts";
import type { WorkingTree } from "./working-tree.ts";

/**
 * A working tree with other sources laid over its copy, as the hub lays them over a commit. Compositions only grow: what was
 * laid over it once stays until another takes its place.
 */
export class ComposedTree {
  readonly #base: WorkingTree;
  /** Git repositories to look for trees in, in this order. */
  readonly #stores: readonly GitObjects[];
  readonly #mounted = new Map<string, { readonly oid: string; readonly tree: Tree; readonly store: GitObjects }>();
  #written = new Map<string, string>();

  constructor(base: WorkingTree, stores: readonly GitObjects[]) {
    this.#base = base;
    this.#stores = stores;
  }

  /** Throws MountError for a tree that cannot stand there. */
  async lay(composition: Composition): Promise<Snapshot> {
    const { mounts, replaced, links: placed = new Map(), failed = new Map() } = composition;
    const files = new Map(this.#base.files);
    const links = new Map(this.#base.links);
    for (const folder of this.#mounted.keys()) if (!mounts.has(folder)) await this.#remove(folder);
    for (const [folder, oid] of [...mounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { tree, store } = await this.#mount(folder, oid);
      for (const path of files.keys()) if (path.startsWith(`${folder}/`)) files.delete(path);
      for (const path of links.keys()) if (path.startsWith(`${folder}/`)) links.delete(path);
      for (const { files: own } of foldersOf(tree)) for (const { path, file } of own) files.set(path, file);
      for (const [path, target] of await readLinks(store, tree)) links.set(path, target);
    }
    for (const [path, text] of replaced) {
      files.set(path, fileOf(text, "file"));
      links.delete(path);
      await this.#write(path, text, "file");
    }
    for (const [path, target] of placed) {
      files.set(path, fileOf(target, "link"));
      links.set(path, target);
      await this.#write(path, target, "link");
    }
    proveInside(
      links,
      [...mounts.keys()].map((path) => ({ path })),
    );
    const { commit, subject, committedAtMs, root, warnings, submodules, missing } = this.#base;
    const base = this.#base;
    return {
      commit,
      subject,
      committedAtMs,
      root,
      files,
      folders: folderIds(files),
      links,
      warnings,
      submodules,
      missing,
      failedSources: failed,
      readTexts: (paths, signal) => base.readTexts(paths, signal),
    };
  }

  async #mount(folder: string, oid: string) {
    const known = this.#mounted.get(folder);
    if (known?.oid === oid) return known;
    await this.#remove(folder);
    const store = await this.#storeOf(oid);
    const tree = await loadMount(store, { oid, path: folder });
    await writeTree(store, tree, this.#base.root);
    const mounted = { oid, tree, store };
    this.#mounted.set(folder, mounted);
    return mounted;
  }

  async #storeOf(oid: string): Promise<GitObjects> {
    for (const store of this.#stores) if ((await store.info(oid)) !== undefined) return store;
    throw new RepositoryError("not-found", `no repository at hand has the tree ${oid}`);
  }

  async #remove(folder: string): Promise<void> {
    await rm(join(this.#base.root, folder), { recursive: true, force: true });
    for (const path of this.#written.keys()) if (path.startsWith(`${folder}/`)) this.#written.delete(path);
    this.#mounted.delete(folder);
  }

  async #write(path: string, content: string, mode: "file" | "link"): Promise<void> {
    if (this.#written.get(path) === content) return;
    const target = join(this.#base.root, path);
    await mkdir(dirname(target), { recursive: true });
    await rm(target, { force: true });
    if (mode === "link") await symlink(content, target);
    else await writeFile(target, content);
    this.#written.set(path, content);
  }
}

async function loadMount(store: GitObjects, { oid, path }: { oid: string; path: string }): Promise<Tree> {
  try {
    const tree = await loadTree(store, { oid, previous: undefined, path }, DEFAULT_TREE_LIMITS);
    await readLinks(store, tree);
    return tree;
  } catch (error) {
    if (!(error instanceof RepositoryError) || (error.code !== "escapes" && error.code !== "too-large")) throw error;
    const code = error.code === "escapes" ? "unsafe" : "too-large";
    throw new MountError(path, new SourceError(code, error.message, { cause: error }));
  }
}

async function writeTree(store: GitObjects, tree: Tree, root: string): Promise<void> {
  for (const folder of foldersOf(tree)) {
    await mkdir(join(root, folder.path), { recursive: true });
    for (const { path, file } of folder.files) {
      const object = await store.read(file.oid);
      if (object === undefined) throw new RepositoryError("corrupt", `the content of "${path}" is not there`);
      const target = join(root, path);
      if (file.mode === "link") await symlink(object.content.toString("utf8"), target);
      else await writeFile(target, object.content, { mode: file.mode === "executable" ? 0o755 : 0o644 });
    }
  }
}

function fileOf(text: string, mode: SnapshotFile["mode"]): SnapshotFile {
  const content = Buffer.from(text, "utf8");
  const oid = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  return { oid, mode, size: content.length };
}
