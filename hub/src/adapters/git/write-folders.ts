import { encodeFolder } from "./compose-tree.ts";
import { writeLooseObject } from "./loose-objects.ts";
import { foldersOf, type Tree } from "./tree.ts";

/** Writes the folders of a composed tree into a repository, those aside that it has with the trees it was composed of. */
export async function writeFolders(directory: string, composed: Tree, from: readonly Tree[]): Promise<void> {
  const known = new Set(from.flatMap((each) => [...foldersOf(each)].map(({ oid }) => oid)));
  for (const folder of foldersOf(composed)) {
    if (!known.has(folder.oid)) await writeLooseObject(directory, encodeFolder(folder));
  }
}
