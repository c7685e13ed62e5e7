import { MountError } from "../../sources/mount-error.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { Composition } from "../../source-ports.ts";
import { composeTree, type NewFile } from "./compose-tree.ts";
import { readLinks } from "./git-snapshot.ts";
import { encodeBlob, writeLooseObject } from "./loose-objects.ts";
import type { Mirror } from "./mirror.ts";
import { RepositoryError } from "./repository-error.ts";
import { limitsBeside, loadTree, type Tree, type TreeLimits } from "./tree.ts";

/** A commit's tree with others laid over it, and the trees that were. */
export interface ComposedTree {
  readonly tree: Tree;
  readonly mounts: readonly Tree[];
}

/** Lays trees and files over a commit's tree; what did not change since the last time is not read again. */
export class TreeComposer {
  readonly #mirror: Mirror;
  readonly #limits: TreeLimits;
  /** By the folder they stood in last. */
  readonly #mounted = new Map<string, Tree>();

  constructor(mirror: Mirror, limits: TreeLimits) {
    this.#mirror = mirror;
    this.#limits = limits;
  }

  /**
   * Throws MountError for a mount that cannot stand in a tree: too large, or with links that leave it. `blobs` are contents the
   * mirror has already, by path.
   */
  async compose(
    base: Tree,
    { mounts, replaced, links = new Map() }: Composition,
    signal: AbortSignal,
    blobs: ReadonlyMap<string, NewFile> = new Map(),
  ): Promise<ComposedTree> {
    const loaded = new Map<string, Tree>();
    let limits = limitsBeside(base, this.#limits);
    for (const [path, oid] of [...mounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      signal.throwIfAborted();
      // Read once, also where another one fails and the caller tries again without that.
      const mount = await this.#load(path, oid, limits);
      this.#mounted.set(path, mount);
      limits = limitsBeside(mount, limits);
      loaded.set(path, mount);
    }
    for (const path of this.#mounted.keys()) if (!loaded.has(path)) this.#mounted.delete(path);
    const contents: (readonly [string, NewFile])[] = await Promise.all([
      ...[...replaced].map(async ([path, text]) => [path, await this.#write(text)] as const),
      ...[...links].map(async ([path, target]) => [path, { ...(await this.#write(target)), mode: "link" }] as const),
    ]);
    return {
      tree: composeTree(base, { mounts: loaded, replaced: new Map([...blobs, ...contents]) }),
      mounts: [...loaded.values()],
    };
  }

  async #load(path: string, oid: string, limits: TreeLimits): Promise<Tree> {
    const { objects } = this.#mirror;
    try {
      const tree = await loadTree(objects, { oid, previous: this.#mounted.get(path), path }, limits);
      await readLinks(objects, tree);
      return tree;
    } catch (error) {
      if (!(error instanceof RepositoryError)) throw error;
      if (error.code !== "escapes" && error.code !== "too-large") throw error;
      const code = error.code === "escapes" ? "unsafe" : "too-large";
      throw new MountError(path, new SourceError(code, error.message, { cause: error }));
    }
  }

  async #write(text: string): Promise<{ readonly oid: string; readonly size: number }> {
    const content = Buffer.from(text, "utf8");
    const blob = encodeBlob(content);
    await writeLooseObject(this.#mirror.command.directory, blob);
    return { oid: blob.oid, size: content.length };
  }
}
