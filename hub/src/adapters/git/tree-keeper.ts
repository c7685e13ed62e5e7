import type { SourceFile, TreeKeeper } from "../../source-ports.ts";
import { encodeBlob, encodeTree, writeLooseObject, type TreeItem } from "./loose-objects.ts";
import type { Mirror } from "./mirror.ts";
import { RepositoryError } from "./repository-error.ts";
import { DEFAULT_TREE_LIMITS, loadTree } from "./tree.ts";
import type { TreeUses } from "./tree-uses.ts";

const PARALLEL_WRITES = 16;

/** Runs work while nobody fetches into the mirror or makes it anew. */
export type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Trees that came from elsewhere, as objects of the mirror under `refs/axle/kept/<name>`: damage to the mirror loses them. */
export class MirrorTrees implements TreeKeeper {
  readonly #mirror: Mirror;
  readonly #takeTurn: TakeTurn;
  readonly #uses: TreeUses;
  /** Trees that were whole when they were last looked at, by name. */
  readonly #proven = new Map<string, string>();

  constructor(mirror: Mirror, uses: TreeUses, takeTurn: TakeTurn) {
    this.#mirror = mirror;
    this.#uses = uses;
    this.#takeTurn = takeTurn;
  }

  keep(name: string, files: readonly SourceFile[], signal: AbortSignal): Promise<string> {
    const ref = refOf(name);
    return this.#takeTurn(async () => {
      await this.#mirror.prepare(signal);
      const tree = await this.#write(files, signal);
      await this.#mirror.setRef(ref, tree, signal);
      this.#proven.set(name, tree);
      this.#uses.use(tree);
      return tree;
    });
  }

  find(name: string, signal: AbortSignal): Promise<string | undefined> {
    const ref = refOf(name);
    return this.#takeTurn(async () => {
      await this.#mirror.prepare(signal);
      const { objects } = this.#mirror;
      const tree = (await objects.info(ref))?.oid;
      if (tree !== undefined) this.#uses.use(tree);
      if (tree === undefined || this.#proven.get(name) === tree) return tree;
      try {
        // Every name of it, and that its contents are there; what they hold is proven when they are read.
        await loadTree(objects, { oid: tree, previous: undefined }, DEFAULT_TREE_LIMITS);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RepositoryError) return undefined;
        throw error;
      }
      this.#proven.set(name, tree);
      return tree;
    });
  }

  async #write(files: readonly SourceFile[], signal: AbortSignal): Promise<string> {
    const { directory } = this.#mirror.command;
    const root: Folder = { items: [], folders: new Map() };
    const pending = files.values();
    const work = async (): Promise<void> => {
      for (const file of pending) {
        signal.throwIfAborted();
        const blob = encodeBlob(file.content);
        await writeLooseObject(directory, blob);
        const names = file.path.split("/");
        const name = names.pop() ?? "";
        folderAt(root, names).items.push({ name, mode: file.executable ? "100755" : "100644", oid: blob.oid });
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_WRITES }, work));
    return writeFolder(directory, root);
  }
}

interface Folder {
  readonly items: TreeItem[];
  readonly folders: Map<string, Folder>;
}

function folderAt(root: Folder, names: readonly string[]): Folder {
  let folder = root;
  for (const name of names) {
    const next = folder.folders.get(name) ?? { items: [], folders: new Map() };
    folder.folders.set(name, next);
    folder = next;
  }
  return folder;
}

/** Folders below first: what names an object never stands without it. */
async function writeFolder(directory: string, { items, folders }: Folder): Promise<string> {
  const below: TreeItem[] = [];
  for (const [name, folder] of folders) {
    below.push({ name, mode: "40000", oid: await writeFolder(directory, folder) });
  }
  const tree = encodeTree([...items, ...below]);
  await writeLooseObject(directory, tree);
  return tree.oid;
}

/** A digest (`git:<commit>`, `sha256:<hex>`) as the name of a ref, which holds no colon. */
function refOf(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9:_-]*$/.test(name)) throw new TypeError(`"${name}" is no digest`);
  return `refs/axle/kept/${name.replaceAll(":", "/")}`;
}
