import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { HubConnection } from "./hub-connection.ts";
import { publishMessage } from "./publish.ts";
import { listSubjects, purgeUpTo, readMany, readNewest } from "./read-messages.ts";
import { StoreError } from "./store-error.ts";
import { PACK_STREAM, packSubjectOf } from "./subjects.ts";

/** Above this a pack is cut. */
export const CHUNK_BYTES = 512 * 1_024;

/** A pack as it stands in the stream. */
export interface StoredPack {
  readonly digest: string;
  /** Of its newest chunk. */
  readonly sequence: number;
  readonly atMs: number;
}

/**
 * Encrypted packs, addressed by digest. A pack that nobody refers to is collected after a grace period, so one that is
 * put again late in that period is written anew: its age starts over, and a purge decided on before does not reach it.
 */
export class PackStore {
  readonly #connection: HubConnection;
  readonly #rewriteAfterMs: number;
  readonly #now: () => number;

  constructor(connection: HubConnection, options: { readonly graceMs: number; readonly now: () => number }) {
    this.#connection = connection;
    this.#rewriteAfterMs = options.graceMs / 2;
    this.#now = options.now;
  }

  /** Resolves when every chunk is durable. Throws StoreError `corrupt` when the digest is not the data's. */
  async put(digest: string, data: Uint8Array, signal: AbortSignal): Promise<{ chunks: number }> {
    if (sha256Hex(data) !== digest) throw new StoreError("corrupt", `pack ${digest} has other content`);
    const chunks = Math.max(1, Math.ceil(data.length / CHUNK_BYTES));
    if (await this.#isFresh(digest, chunks, signal)) return { chunks };
    // In order: when the last chunk stands, the pack is whole.
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const payload = data.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
      await publishMessage(this.#connection, { subject: packSubjectOf(digest, chunk), payload }, { signal });
    }
    return { chunks };
  }

  /** The encrypted bytes, checked against the digest. Throws StoreError `corrupt` when it is not there whole. */
  async read(ref: { readonly digest: string; readonly chunks: number }, signal: AbortSignal): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let chunk = 0; chunk < ref.chunks; chunk += 1) {
      const found = await this.#newest(ref.digest, chunk, signal);
      if (found === undefined) throw new StoreError("corrupt", `pack ${ref.digest} has no chunk ${chunk}`);
      parts.push(found.data);
    }
    const data = Buffer.concat(parts);
    if (sha256Hex(data) !== ref.digest) throw new StoreError("corrupt", `pack ${ref.digest} has other content`);
    return data;
  }

  /** Packs for which `isCandidate` holds, with their age. */
  async list(isCandidate: (digest: string) => boolean, signal: AbortSignal): Promise<readonly StoredPack[]> {
    const subjects = await listSubjects(this.#connection, { stream: PACK_STREAM, filter: "axle.pack.*.*" }, signal);
    const last = new Map<string, number>();
    for (const subject of subjects) {
      const [, , digest = "", chunk = "0"] = subject.split(".");
      if (isCandidate(digest)) last.set(digest, Math.max(last.get(digest) ?? 0, Number(chunk)));
    }
    const wanted = [...last].map(([digest, chunk]) => packSubjectOf(digest, chunk));
    const found = await readMany(this.#connection, { stream: PACK_STREAM, subjects: wanted, upTo: 0 }, signal);
    return found.map(({ subject, sequence, atMs }) => ({ digest: subject.split(".")[2] ?? "", sequence, atMs }));
  }

  /** Removes a pack as it was listed; one written anew since then stays. */
  purge(pack: StoredPack, signal: AbortSignal): Promise<void> {
    const filter = packSubjectOf(pack.digest, 0).replace(/\.0$/, ".*");
    return purgeUpTo(this.#connection, { stream: PACK_STREAM, filter, sequence: pack.sequence }, signal);
  }

  async #isFresh(digest: string, chunks: number, signal: AbortSignal): Promise<boolean> {
    const found = await this.#newest(digest, chunks - 1, signal);
    return found !== undefined && this.#now() - found.atMs < this.#rewriteAfterMs;
  }

  #newest(digest: string, chunk: number, signal: AbortSignal) {
    const where = { stream: PACK_STREAM, subject: packSubjectOf(digest, chunk) };
    return readNewest(this.#connection, where, signal);
  }
}
