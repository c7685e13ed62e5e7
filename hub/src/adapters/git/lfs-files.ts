import { SourceError } from "../../sources/source-error.ts";
import { lfsRefOf, type LfsDownloads, type LfsResult } from "./lfs-downloads.ts";
import { namesLfs, parseLfsPointer, POINTER_BYTES, type LfsPointer } from "./lfs-pointer.ts";
import type { Remote } from "./git-environment.ts";
import type { Mirror } from "./mirror.ts";
import { foldersOf, type Tree } from "./tree.ts";
import type { Waiting } from "./underway.ts";

/** Pointers read so far, by blob: from commit to commit hardly any change. */
const MAX_REMEMBERED = 50_000;

export interface LfsLimits {
  /** Larger files are nobody's declarations. */
  readonly maxFileBytes: number;
  /** Of all large files of one repository. */
  readonly maxTotalBytes: number;
}

export interface LfsFilesOptions {
  readonly mirror: Pick<Mirror, "objects">;
  readonly downloads: LfsDownloads;
  readonly limits: LfsLimits;
}

/** Contents that stand in place of pointers, as blobs of the mirror, and those that are not to be had. By path. */
export interface LfsContents {
  readonly blobs: ReadonlyMap<string, { readonly oid: string; readonly size: number }>;
  readonly failures: ReadonlyMap<string, SourceError>;
}

interface Found {
  readonly pointer: LfsPointer;
  readonly paths: readonly string[];
}

/** Puts large files in place of their pointers: from the mirror where it has them, else from the LFS server. */
export class LfsFiles {
  readonly #options: LfsFilesOptions;
  readonly #pointers = new Map<string, LfsPointer | undefined>();
  readonly #attributes = new WeakMap<Tree, boolean>();

  constructor(options: LfsFilesOptions) {
    this.#options = options;
  }

  /** Of one repository's tree, without those mounted in it. Never throws SourceError: failures are told by path. */
  async contents(tree: Tree, remote: Remote, waiting: Waiting): Promise<LfsContents> {
    const blobs = new Map<string, { readonly oid: string; readonly size: number }>();
    const failures = new Map<string, SourceError>();
    const tell = ({ paths }: Found, result: LfsResult): void => {
      for (const path of paths) {
        if (result instanceof SourceError) failures.set(path, result);
        else blobs.set(path, result);
      }
    };
    const missing: Found[] = [];
    let total = 0;
    for (const found of await this.#find(tree)) {
      const blob = await this.#options.mirror.objects.info(lfsRefOf(found.pointer));
      const known =
        blob === undefined
          ? this.#tooLarge(found.pointer, (total += found.pointer.size))
          : { oid: blob.oid, size: blob.size };
      if (known === undefined) missing.push(found);
      else tell(found, known);
    }
    if (missing.length === 0) return { blobs, failures };
    const pointers = missing.map(({ pointer }) => pointer);
    const results = await this.#options.downloads.bring(pointers, { tree, remote }, waiting);
    for (const found of missing) tell(found, results.get(found.pointer) as LfsResult);
    return { blobs, failures };
  }

  /** The mirror may have lost what was fetched. */
  forget(): void {
    this.#options.downloads.clear();
  }

  async #find(tree: Tree): Promise<readonly Found[]> {
    if (!(await this.#usesLfs(tree))) return [];
    const byOid = new Map<string, { pointer: LfsPointer; paths: string[] }>();
    for (const folder of foldersOf(tree)) {
      for (const { path, file } of folder.files) {
        if (file.mode === "link" || file.size < POINTER_BYTES.min || file.size > POINTER_BYTES.max) continue;
        const pointer = await this.#pointer(file.oid);
        if (pointer === undefined) continue;
        const found = byOid.get(pointer.oid) ?? { pointer, paths: [] };
        found.paths.push(path);
        byOid.set(pointer.oid, found);
      }
    }
    return [...byOid.values()];
  }

  /** Whether any folder has files of LFS; folders are shared from commit to commit, so only new ones are looked at. */
  async #usesLfs(tree: Tree): Promise<boolean> {
    const known = this.#attributes.get(tree);
    if (known !== undefined) return known;
    let uses = await this.#namesLfs(tree);
    for (const folder of tree.folders) uses = (await this.#usesLfs(folder)) || uses;
    this.#attributes.set(tree, uses);
    return uses;
  }

  async #namesLfs({ path, files }: Tree): Promise<boolean> {
    const name = path === "" ? ".gitattributes" : `${path}/.gitattributes`;
    const file = files.find((entry) => entry.path === name)?.file;
    if (file === undefined || file.mode === "link" || file.size > 1024 ** 2) return false;
    const object = await this.#options.mirror.objects.read(file.oid);
    return object !== undefined && namesLfs(object.content.toString("utf8"));
  }

  async #pointer(oid: string): Promise<LfsPointer | undefined> {
    if (this.#pointers.has(oid)) return this.#pointers.get(oid);
    const object = await this.#options.mirror.objects.read(oid);
    const pointer = object === undefined ? undefined : parseLfsPointer(object.content);
    if (this.#pointers.size >= MAX_REMEMBERED) this.#pointers.clear();
    this.#pointers.set(oid, pointer);
    return pointer;
  }

  #tooLarge(pointer: LfsPointer, total: number): SourceError | undefined {
    const { maxFileBytes, maxTotalBytes } = this.#options.limits;
    if (pointer.size > maxFileBytes) {
      const message = `it is a large file (LFS) of ${pointer.size} bytes, and the hub fetches those up to ${maxFileBytes}`;
      return new SourceError("too-large", message);
    }
    if (total <= maxTotalBytes) return undefined;
    return new SourceError(
      "too-large",
      `the repository's large files (LFS) are more than ${maxTotalBytes} bytes together`,
    );
  }
}
