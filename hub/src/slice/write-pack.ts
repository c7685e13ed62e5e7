import { deflateRawSync } from "node:zlib";
import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { type Pack, type SealedOriginal, SLICE_FORMAT } from "@axle/core/slice/slice.ts";
import { encryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { packKeyOf } from "@axle/runtime/crypto/pack-key.ts";

export interface WrittenPack {
  /** SHA-256 of `data`, hex. */
  readonly digest: string;
  /** The pack's key is derived from it and the master key. */
  readonly keyId: string;
  /** Encrypted. */
  readonly data: Uint8Array;
}

/** Objects in the order given, as one encrypted pack. Deterministic: equal content under one master key gives equal bytes. */
export function writePack(
  objects: readonly KubeObject[],
  packMaster: Uint8Array,
  originals: readonly SealedOriginal[] = [],
): WrittenPack {
  const pack: Pack = { format: SLICE_FORMAT, objects, ...(originals.length > 0 && { originals }) };
  const plain = deflateRawSync(canonicalJson(pack));
  const { keyId, key } = packKeyOf(packMaster, plain);
  const data = encryptContent(key, plain);
  return { digest: sha256Hex(data), keyId, data };
}
