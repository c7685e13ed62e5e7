import { mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "@axle/runtime/atomic-file.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { SliceCache } from "../../ports.ts";
import { openFile, SEAL_BYTES, sealFile } from "./sealed-file.ts";

export interface DiskCacheOptions {
  /** Made when it does not exist. */
  readonly folder: string;
  /** From {@link cacheKeyOf}. */
  readonly key: Uint8Array;
  /** Packs kept; the least recently used go first. */
  readonly maxBytes: number;
  readonly log: Logger;
}

const SLICE = "slice";
const PACKS = "packs";

/**
 * The last slice and the packs it needs, encrypted, so that an agent that starts with hub and NATS away still has
 * something to keep the cluster to. Only a cache: what cannot be read is a miss, what cannot be written is logged once.
 */
export class DiskCache implements SliceCache {
  readonly #options: DiskCacheOptions;
  readonly #saying: SayOnce;
  /** Sizes by digest, least recently used first; undefined until the folder was looked at. */
  #packs: Map<string, number> | undefined;
  #writes: Promise<void> = Promise.resolve();

  constructor(options: DiskCacheOptions) {
    this.#options = options;
    this.#saying = new SayOnce(options.log);
  }

  async readSlice(): Promise<string | undefined> {
    const plain = await this.#read(SLICE);
    return plain === undefined ? undefined : new TextDecoder().decode(plain);
  }

  keepSlice(text: string): void {
    this.#enqueue(() => this.#write(SLICE, new TextEncoder().encode(text)));
  }

  async readPack(digest: string): Promise<Uint8Array | undefined> {
    const name = `${PACKS}/${digest}`;
    const plain = await this.#read(name);
    if (plain === undefined) return undefined;
    this.#enqueue(async () => {
      const packs = await this.#known();
      packs.delete(digest);
      packs.set(digest, plain.length + SEAL_BYTES);
      // Rounded up: a file written within the same millisecond has a finer time.
      const now = new Date(Date.now() + 1);
      await utimes(this.#path(name), now, now);
    });
    return plain;
  }

  keepPack(digest: string, data: Uint8Array): void {
    this.#enqueue(async () => {
      const packs = await this.#known();
      await this.#write(`${PACKS}/${digest}`, data);
      packs.delete(digest);
      packs.set(digest, data.length + SEAL_BYTES);
      await this.#evict(packs);
    });
  }

  /** Resolves when everything given so far is on the disk, or was given up. */
  settled(): Promise<void> {
    return this.#writes;
  }

  /** One write after the other, behind whoever uses the cache: a slow disk delays no reconcile. */
  #enqueue(work: () => Promise<void>): void {
    this.#writes = this.#writes.then(async () => {
      try {
        await work();
        this.#saying.recovered("the cache can be written again");
      } catch (error) {
        this.#saying.failed(error, "the cache cannot be written; a restart will need the hub");
      }
    });
  }

  async #read(name: string): Promise<Uint8Array | undefined> {
    let sealed: Uint8Array;
    try {
      sealed = await readFile(this.#path(name));
    } catch (error) {
      if (!isMissing(error)) this.#options.log.warn({ error, name }, "a file of the cache cannot be read");
      return undefined;
    }
    const plain = openFile(this.#options.key, name, sealed);
    if (plain !== undefined) return plain;
    this.#options.log.warn({ name }, "a file of the cache is corrupt, it is dropped");
    this.#enqueue(() => this.#drop(name));
    return undefined;
  }

  async #drop(name: string): Promise<void> {
    if (name.startsWith(`${PACKS}/`)) (await this.#known()).delete(name.slice(PACKS.length + 1));
    await rm(this.#path(name), { force: true });
  }

  async #write(name: string, plain: Uint8Array): Promise<void> {
    await writeFileAtomic(this.#path(name), sealFile(this.#options.key, name, plain));
  }

  async #evict(packs: Map<string, number>): Promise<void> {
    let total = packs.values().reduce((sum, size) => sum + size, 0);
    for (const [digest, size] of packs) {
      if (total <= this.#options.maxBytes) return;
      await rm(this.#path(`${PACKS}/${digest}`), { force: true });
      packs.delete(digest);
      total -= size;
    }
  }

  /** What the folder holds, oldest first; what a killed write left behind is removed on the way. */
  async #known(): Promise<Map<string, number>> {
    if (this.#packs !== undefined) return this.#packs;
    const folder = this.#path(PACKS);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const found: { digest: string; size: number; usedMs: number }[] = [];
    for (const digest of await readdir(folder)) {
      if (/^[0-9a-f]{64}$/.test(digest)) {
        const { size, mtimeMs } = await stat(join(folder, digest));
        found.push({ digest, size, usedMs: mtimeMs });
      } else {
        await rm(join(folder, digest), { force: true });
      }
    }
    found.sort((a, b) => a.usedMs - b.usedMs);
    this.#packs = new Map(found.map(({ digest, size }) => [digest, size]));
    return this.#packs;
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }
}

/** Where the folder itself is something else, writing has said so already. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
