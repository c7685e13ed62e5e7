import { RepositoryError } from "./repository-error.ts";

export type TreeEntryType = "file" | "executable" | "link" | "folder" | "submodule";

export interface TreeEntry {
  readonly name: string;
  readonly type: TreeEntryType;
  readonly oid: string;
}

export interface ParsedTree {
  readonly entries: readonly TreeEntry[];
  /** Names that are not UTF-8, made readable: they cannot be handed to tools and are left out. */
  readonly unreadable: readonly string[];
}

const TYPES: Readonly<Record<string, TreeEntryType>> = {
  "40000": "folder",
  "120000": "link",
  "160000": "submodule",
  "100644": "file",
  "100755": "executable",
  /** Written by very old versions of git. */
  "100664": "file",
};

/**
 * Reads the binary form of a Git tree. A tree is what a stranger wrote: names that would leave the folder, be taken
 * for Git's own, or stand twice are refused (RepositoryError `escapes`).
 */
export function parseTree(content: Buffer, at: { readonly folder: string; readonly oid: string }): ParsedTree {
  const idBytes = at.oid.length / 2;
  const entries: TreeEntry[] = [];
  const unreadable: string[] = [];
  const seen = new Set<string>();
  for (let position = 0; position < content.length;) {
    const space = content.indexOf(0x20, position);
    const zero = content.indexOf(0, space);
    if (space < 0 || zero < 0 || zero + 1 + idBytes > content.length) {
      throw new RepositoryError("corrupt", `tree ${at.oid} of folder "${at.folder}" is cut off`);
    }
    const type = TYPES[content.toString("latin1", position, space)];
    const bytes = content.subarray(space + 1, zero);
    const name = bytes.toString("utf8");
    const oid = content.toString("hex", zero + 1, zero + 1 + idBytes);
    position = zero + 1 + idBytes;
    if (type === undefined)
      throw new RepositoryError("corrupt", `"${join(at.folder, name)}" has a mode Git does not know`);
    refuseUnsafeName(name, at.folder);
    if (seen.has(name)) throw new RepositoryError("escapes", `"${join(at.folder, name)}" stands twice in its folder`);
    seen.add(name);
    if (bytes.equals(Buffer.from(name, "utf8"))) entries.push({ name, type, oid });
    else unreadable.push(name);
  }
  return { entries, unreadable };
}

/** Path of an entry: the root folder is "". */
export function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

function refuseUnsafeName(name: string, folder: string): void {
  const refuse = (why: string): never => {
    const shown = JSON.stringify(join(folder, name));
    throw new RepositoryError(
      "escapes",
      `the commit holds a path that ${why}: ${shown}; remove it from the repository`,
      {
        file: join(folder, name),
      },
    );
  };
  if (name === "" || name === "." || name === "..") refuse("leaves its folder");
  if (name.includes("/")) refuse("has a slash inside a name");
  if (isGitName(name)) refuse("is reserved for Git");
  if (Buffer.byteLength(name) > 255) refuse("is longer than 255 bytes");
}

/** `.git` as Git itself refuses it, also as HFS+ (ignorable code points) and NTFS (short name, trailing dots) would read it. */
function isGitName(name: string): boolean {
  const plain = name
    .replaceAll(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, "")
    .replace(/(:.*|[. ]+)$/, "")
    .toLowerCase();
  return plain === ".git" || plain === "git~1";
}
