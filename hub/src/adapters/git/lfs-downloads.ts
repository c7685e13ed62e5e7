import { SourceError } from "../../sources/source-error.ts";
import type { Remote } from "./git-environment.ts";
import type { LfsClient, LfsDownload } from "./lfs-client.ts";
import type { LfsPointer } from "./lfs-pointer.ts";
import type { LfsServers } from "./lfs-server.ts";
import { encodeBlob, writeLooseObject } from "./loose-objects.ts";
import type { Mirror } from "./mirror.ts";
import { StillComing } from "./still-coming.ts";
import type { Tree } from "./tree.ts";
import { Underway, type Waiting } from "./underway.ts";

/** The batch API takes lists; servers limit them to some hundred. */
const BATCH = 100;
const PARALLEL_DOWNLOADS = 4;

/** A content that stands in the mirror as a blob, or why it does not. */
export type LfsResult = SourceError | { readonly oid: string; readonly size: number };

/** The repository that has the pointers. */
export interface LfsPlace {
  readonly tree: Tree;
  readonly remote: Remote;
}

export interface LfsDownloadsOptions {
  readonly mirror: Pick<Mirror, "command" | "setRef">;
  readonly servers: LfsServers;
  readonly client: LfsClient;
  /** A file somebody went on without is there, or failed. */
  readonly onReady: () => void;
}

/** Brings large files into the mirror, each once at a time, beside whatever else the hub does: a server may take its time. */
export class LfsDownloads implements AsyncDisposable {
  readonly #options: LfsDownloadsOptions;
  readonly #underway: Underway<LfsResult>;

  constructor(options: LfsDownloadsOptions) {
    this.#options = options;
    this.#underway = new Underway(options.onReady);
  }

  /** Ends what still runs. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#underway[Symbol.asyncDispose]();
  }

  /** The mirror may have lost what was fetched. */
  clear(): void {
    this.#underway.clear();
  }

  /** What became of each; of one that takes longer than the patience, an error that says that it goes on. */
  async bring(
    pointers: readonly LfsPointer[],
    place: LfsPlace,
    waiting: Waiting,
  ): Promise<ReadonlyMap<LfsPointer, LfsResult>> {
    waiting.signal.throwIfAborted();
    const { servers } = this.#options;
    const { tree, remote } = place;
    // One that waits for a server nobody names any more must not hold up what the right one has.
    const from = `${remote.url} ${servers.settingsOf(tree) ?? ""}`;
    const keyOf = ({ oid }: LfsPointer): string => `${from} ${oid}`;
    const begun = this.#begin(
      pointers.filter((pointer) => !this.#underway.has(keyOf(pointer))),
      place,
    );
    const take = async (pointer: LfsPointer): Promise<readonly [LfsPointer, LfsResult]> => {
      const begin = (): Promise<LfsResult> => begun.get(pointer) as Promise<LfsResult>;
      const result = await this.#underway.take(keyOf(pointer), begin, waiting);
      return [
        pointer,
        result ?? new StillComing(`it is a large file (LFS) of ${remote.url} that is still being fetched`),
      ];
    };
    return new Map(await Promise.all(pointers.map(take)));
  }

  #begin(pointers: readonly LfsPointer[], place: LfsPlace): ReadonlyMap<LfsPointer, Promise<LfsResult>> {
    const settling = new Map(pointers.map((pointer) => [pointer, Promise.withResolvers<LfsResult>()]));
    const settle: Settle = (pointer, result) => settling.get(pointer)?.resolve(result);
    if (pointers.length > 0) {
      this.#fetch(pointers, place, settle).catch((error: unknown) => {
        const failure = sourceErrorFrom(error);
        for (const pointer of pointers) settle(pointer, failure);
      });
    }
    return new Map([...settling].map(([pointer, { promise }]) => [pointer, promise]));
  }

  async #fetch(pointers: readonly LfsPointer[], { tree, remote }: LfsPlace, settle: Settle): Promise<void> {
    const { servers, client } = this.#options;
    const { signal } = this.#underway;
    const server = await servers.find(tree, remote, signal);
    for (let start = 0; start < pointers.length; start += BATCH) {
      const batch = pointers.slice(start, start + BATCH);
      const downloads = await client.batch(server, batch, signal);
      const pending = batch.values();
      let silent: SourceError | undefined;
      const work = async (): Promise<void> => {
        for (const pointer of pending) {
          const result = silent ?? (await this.#download(pointer, downloads.get(pointer.oid)));
          // A storage that does not answer is waited for once.
          if (result instanceof SourceError && result.code === "unreachable") silent = result;
          settle(pointer, result);
        }
      };
      await Promise.all(Array.from({ length: PARALLEL_DOWNLOADS }, work));
    }
  }

  async #download(pointer: LfsPointer, from: LfsDownload | SourceError | undefined): Promise<LfsResult> {
    const { client, mirror } = this.#options;
    const { signal } = this.#underway;
    if (from === undefined) return new SourceError("not-found", "the LFS server says nothing of the large file");
    if (from instanceof SourceError) return from;
    try {
      const content = await client.download(pointer, from, signal);
      const blob = encodeBlob(content);
      await writeLooseObject(mirror.command.directory, blob);
      await mirror.setRef(lfsRefOf(pointer), blob.oid, signal);
      return { oid: blob.oid, size: content.length };
    } catch (error) {
      return sourceErrorFrom(error);
    }
  }
}

type Settle = (pointer: LfsPointer, result: LfsResult) => void;

/** Where the mirror keeps the content. */
export function lfsRefOf({ oid }: LfsPointer): string {
  return `refs/axle/lfs/${oid}`;
}

/** A fault of ours, e.g. a mirror that is made anew meanwhile, passes with the next try as well. */
function sourceErrorFrom(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const message = `the large file (LFS) cannot be kept: ${error instanceof Error ? error.message : String(error)}`;
  return new SourceError("unreachable", message, { cause: error });
}
