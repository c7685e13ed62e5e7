import type { KubeObject } from "@axle/core/manifest/object.ts";
import { type PackRef, SLICE_FORMAT } from "@axle/core/slice/slice.ts";
import { decryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { describeError } from "@axle/runtime/describe-error.ts";
import type { PackCache, SliceSource } from "../ports.ts";
import { inflateJson } from "./inflate.ts";
import { SliceError } from "./slice-error.ts";

/** Objects of opened packs by digest, before substitution. */
export type PackObjects = ReadonlyMap<string, readonly KubeObject[]>;

export interface PackOpening {
  readonly source: Pick<SliceSource, "readPack">;
  readonly cache: PackCache;
  /** Of one pack, opened. */
  readonly maxBytes: number;
  /** Packs fetched at once. */
  readonly concurrency: number;
  /** Of the slice before: most packs of a slice are those of the last one, and need not be opened again. */
  readonly known: PackObjects;
}

export interface OpenedPacks {
  readonly packs: PackObjects;
  /** By digest, why a pack could not be read: it is not there, is not what its digest says, does not open, or is too large. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** All that can be read of these packs, each once. Throws the signal's reason only: what is wrong with one pack is the matter of its apps. */
export async function openPacks(
  packs: readonly PackRef[],
  opening: PackOpening,
  signal: AbortSignal,
): Promise<OpenedPacks> {
  const refs = new Map(packs.map((ref) => [ref.digest, ref] as const));
  const opened = new Map<string, readonly KubeObject[]>();
  const unreadable = new Map<string, string>();
  for (const digest of refs.keys()) {
    const known = opening.known.get(digest);
    if (known !== undefined) opened.set(digest, known);
  }
  const waiting = refs.values().filter(({ digest }) => !opened.has(digest));
  const worker = async () => {
    for (const ref of waiting) {
      signal.throwIfAborted();
      try {
        opened.set(ref.digest, await openPack(ref, opening, signal));
      } catch (error) {
        signal.throwIfAborted();
        unreadable.set(ref.digest, sayUnreadable(ref, error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(opening.concurrency, refs.size) }, worker));
  return { packs: opened, unreadable };
}

function sayUnreadable({ digest }: PackRef, error: unknown): string {
  return error instanceof SliceError ? error.message : `pack ${digest} cannot be fetched: ${describeError(error)}`;
}

async function openPack(ref: PackRef, opening: PackOpening, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const data = await fetchPack(ref, opening, signal);
  let plain: Uint8Array;
  try {
    plain = decryptContent(Buffer.from(ref.key, "base64"), data);
  } catch (error) {
    throw new SliceError("corrupt-pack", `pack ${ref.digest} does not open with the key of the slice`, {
      cause: error,
    });
  }
  const what = `pack ${ref.digest}`;
  return checkObjects(await inflateJson(plain, { maxBytes: opening.maxBytes, what, corrupt: "corrupt-pack" }), what);
}

/** From the cache where it holds exactly that, else from the source; what arrives whole is cached. */
async function fetchPack(ref: PackRef, opening: PackOpening, signal: AbortSignal): Promise<Uint8Array> {
  const cached = await opening.cache.readPack(ref.digest);
  if (cached !== undefined && sha256Hex(cached) === ref.digest) return cached;
  const data = await opening.source.readPack(ref, signal);
  if (sha256Hex(data) !== ref.digest) {
    throw new SliceError("corrupt-pack", `pack ${ref.digest} does not match its digest`);
  }
  opening.cache.keepPack(ref.digest, data);
  return data;
}

function checkObjects(value: unknown, what: string): readonly KubeObject[] {
  if (!isRecord(value) || value["format"] !== SLICE_FORMAT || !Array.isArray(value["objects"])) {
    throw new SliceError("corrupt-pack", `${what} is not a pack of format ${SLICE_FORMAT}`);
  }
  const objects: unknown[] = value["objects"];
  const wrong = objects.findIndex((object) => !isKubeObject(object));
  if (wrong >= 0) throw new SliceError("corrupt-pack", `${what}: object ${wrong} has no apiVersion, kind or name`);
  return objects as KubeObject[];
}

function isKubeObject(value: unknown): value is KubeObject {
  if (!isRecord(value) || !isText(value["apiVersion"]) || !isText(value["kind"])) return false;
  const metadata = value["metadata"];
  if (!isRecord(metadata) || !isText(metadata["name"])) return false;
  return metadata["namespace"] === undefined || typeof metadata["namespace"] === "string";
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
