import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflate } from "node:zlib";

const compress = promisify(deflate);

export type TreeMode = "100644" | "100755" | "120000" | "40000";

export interface TreeItem {
  readonly name: string;
  readonly mode: TreeMode;
  readonly oid: string;
}

/** Id and content of an object as Git has it. */
export interface EncodedObject {
  readonly oid: string;
  readonly data: Buffer;
}

/** A folder as Git writes it, whatever the order of its items. */
export function encodeTree(items: readonly TreeItem[]): EncodedObject {
  // Git sorts a folder as if its name ended in a slash.
  const sorted = items
    .map((item) => ({ item, key: Buffer.from(item.mode === "40000" ? `${item.name}/` : item.name) }))
    .toSorted((a, b) => Buffer.compare(a.key, b.key));
  return encode(
    "tree",
    Buffer.concat(
      sorted.flatMap(({ item }) => [Buffer.from(`${item.mode} ${item.name}\0`), Buffer.from(item.oid, "hex")]),
    ),
  );
}

export function encodeBlob(content: Uint8Array): EncodedObject {
  return encode("blob", content);
}

function encode(type: "blob" | "tree", content: Uint8Array): EncodedObject {
  const data = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  return { oid: createHash("sha1").update(data).digest("hex"), data };
}

/**
 * Writes an object into a repository, as `git hash-object -w` does it, without a process for each: a chart or an archive
 * has hundreds. What is there already is left, and counts as new: nobody prunes it before something leads to it.
 */
export async function writeLooseObject(directory: string, { oid, data }: EncodedObject): Promise<void> {
  const folder = join(directory, "objects", oid.slice(0, 2));
  const target = join(folder, oid.slice(2));
  const known = await stat(target).catch(() => undefined);
  if (known !== undefined && known.size > 0 && (await makeNew(target))) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const place = join(directory, "objects", `axle_tmp_${randomUUID()}`);
  await writeFile(place, await compress(data), { mode: 0o444, flag: "wx" });
  await rename(place, target);
}

/** False where it went in this moment. */
async function makeNew(file: string): Promise<boolean> {
  const now = new Date();
  return utimes(file, now, now).then(
    () => true,
    () => false,
  );
}
