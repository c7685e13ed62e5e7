import type { KubeObject } from "@axle/core/manifest/object.ts";
import { type PackRef, SLICE_FORMAT, type SliceApp, type SliceBody } from "@axle/core/slice/slice.ts";
import { substitute } from "@axle/core/slice/substitute.ts";
import { decryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { DesiredApp, DesiredState, PackCache, SliceSource } from "../ports.ts";
import { inflateJson } from "./inflate.ts";
import { SliceError } from "./slice-error.ts";

/** Objects of opened packs by digest, before substitution. */
export type OpenedPacks = ReadonlyMap<string, readonly KubeObject[]>;

export interface PackOpening {
  readonly source: Pick<SliceSource, "readPack">;
  readonly cache: PackCache;
  /** Of one pack, opened. */
  readonly maxBytes: number;
  /** Packs fetched at once. */
  readonly concurrency: number;
  /** Of the slice before: most packs of a slice are those of the last one, and need not be opened again. */
  readonly known?: OpenedPacks;
}

/**
 * Everything the slice wants, as objects. Packs shared by apps are fetched once. Throws {@link SliceError} `missing-pack`,
 * `corrupt-pack` or `too-large`, and what the source throws when it cannot be asked.
 */
export async function openPacks(
  body: SliceBody,
  opening: PackOpening,
  signal: AbortSignal,
): Promise<{ readonly desired: DesiredState; readonly opened: OpenedPacks }> {
  const refs = new Map(body.apps.flatMap((app) => app.packs.map((ref) => [ref.digest, ref] as const)));
  const opened = new Map<string, readonly KubeObject[]>();
  for (const digest of refs.keys()) {
    const known = opening.known?.get(digest);
    if (known !== undefined) opened.set(digest, known);
  }
  const waiting = refs.values().filter(({ digest }) => !opened.has(digest));
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const worker = async () => {
    for (const ref of waiting) {
      either.throwIfAborted();
      opened.set(ref.digest, await openPack(ref, opening, either));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(opening.concurrency, refs.size) }, worker));
  } catch (error) {
    failed.abort(error);
    throw error;
  }
  const desired = {
    number: body.number,
    apps: body.apps.map((app) => desiredApp(app, opened)),
    approvals: body.approvals,
    deletionHolds: body.deletionHolds,
  };
  return { desired, opened };
}

function desiredApp(app: SliceApp, opened: OpenedPacks): DesiredApp {
  const objects = app.packs.flatMap((ref) => opened.get(ref.digest) ?? []);
  return {
    name: app.name,
    revision: app.revision,
    commit: app.commit,
    objects: substitute(objects, app.substitutions),
    settings: app.settings,
    ...(app.held === undefined ? {} : { held: app.held }),
  };
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
