import { SourceError } from "../../sources/source-error.ts";
import type { LfsClient } from "./lfs-client.ts";
import { namesLfs, parseLfsPointer, POINTER_BYTES, type LfsPointer } from "./lfs-pointer.ts";
import type { LfsServers } from "./lfs-server.ts";
import type { Remote } from "./git-environment.ts";
import { encodeBlob, writeLooseObject } from "./loose-objects.ts";
import type { Mirror } from "./mirror.ts";
import { foldersOf, type Tree } from "./tree.ts";

/** The batch API takes lists; servers limit them to some hundred. */
const BATCH = 100;
const PARALLEL_DOWNLOADS = 4;
/** Pointers read so far, by blob: from commit to commit hardly any change. */
const MAX_REMEMBERED = 50_000;

export interface LfsLimits {
  /** Larger files are nobody's declarations. */
  readonly maxFileBytes: number;
  /** Of all large files of one repository. */
  readonly maxTotalBytes: number;
}

export interface LfsFilesOptions {
  readonly mirror: Pick<Mirror, "command" | "objects" | "setRef">;
  readonly servers: LfsServers;
  readonly client: LfsClient;
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
  async contents(tree: Tree, remote: Remote, signal: AbortSignal): Promise<LfsContents> {
    const blobs = new Map<string, { readonly oid: string; readonly size: number }>();
    const failures = new Map<string, SourceError>();
    const missing: Found[] = [];
    let total = 0;
    for (const found of await this.#find(tree)) {
      const blob = await this.#options.mirror.objects.info(refOf(found.pointer));
      const fault = blob === undefined ? this.#tooLarge(found.pointer, (total += found.pointer.size)) : undefined;
      for (const path of found.paths) {
        if (blob !== undefined) blobs.set(path, { oid: blob.oid, size: blob.size });
        if (fault !== undefined) failures.set(path, fault);
      }
      if (blob === undefined && fault === undefined) missing.push(found);
    }
    if (missing.length === 0) return { blobs, failures };
    for (const [pointer, result] of await this.#fetch(missing, { tree, remote }, signal)) {
      for (const path of missing.find((found) => found.pointer === pointer)?.paths ?? []) {
        if (result instanceof SourceError) failures.set(path, result);
        else blobs.set(path, result);
      }
    }
    return { blobs, failures };
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

  async #fetch(
    missing: readonly Found[],
    from: { readonly tree: Tree; readonly remote: Remote },
    signal: AbortSignal,
  ): Promise<ReadonlyMap<LfsPointer, SourceError | { readonly oid: string; readonly size: number }>> {
    const { servers, client } = this.#options;
    const results = new Map<LfsPointer, SourceError | { readonly oid: string; readonly size: number }>();
    try {
      const server = await servers.find(from.tree, from.remote, signal);
      for (let start = 0; start < missing.length; start += BATCH) {
        const pointers = missing.slice(start, start + BATCH).map(({ pointer }) => pointer);
        const downloads = await client.batch(server, pointers, signal);
        const pending = pointers.values();
        let silent: SourceError | undefined;
        const work = async (): Promise<void> => {
          for (const pointer of pending) {
            const result = silent ?? (await this.#download(pointer, downloads.get(pointer.oid), signal));
            // A storage that does not answer is waited for once.
            if (result instanceof SourceError && result.code === "unreachable") silent = result;
            results.set(pointer, result);
          }
        };
        await Promise.all(Array.from({ length: PARALLEL_DOWNLOADS }, work));
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SourceError)) throw error;
      for (const { pointer } of missing) if (!results.has(pointer)) results.set(pointer, error);
    }
    return results;
  }

  async #download(
    pointer: LfsPointer,
    from: Awaited<ReturnType<LfsClient["batch"]>> extends ReadonlyMap<string, infer Value> ? Value | undefined : never,
    signal: AbortSignal,
  ): Promise<SourceError | { readonly oid: string; readonly size: number }> {
    const { client, mirror } = this.#options;
    if (from === undefined) return new SourceError("not-found", "the LFS server says nothing of the large file");
    if (from instanceof SourceError) return from;
    try {
      const content = await client.download(pointer, from, signal);
      const blob = encodeBlob(content);
      await writeLooseObject(mirror.command.directory, blob);
      await mirror.setRef(refOf(pointer), blob.oid, signal);
      return { oid: blob.oid, size: content.length };
    } catch (error) {
      if (error instanceof SourceError) return error;
      throw error;
    }
  }
}

function refOf({ oid }: LfsPointer): string {
  return `refs/axle/lfs/${oid}`;
}
