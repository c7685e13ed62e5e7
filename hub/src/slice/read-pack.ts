import { inflateRawSync } from "node:zlib";
import { idOf, type KubeObject, type ObjectId } from "@axle/core/manifest/object.ts";
import type { Pack } from "@axle/core/slice/slice.ts";
import { decryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import { packKeyFromId } from "@axle/runtime/crypto/pack-key.ts";

/** A pack that {@link writePack} wrote under the same master key. Throws CryptoError for anything else. */
export function openPack(data: Uint8Array, keyId: string, packMaster: Uint8Array): Pack {
  const plain = decryptContent(packKeyFromId(packMaster, keyId), data);
  return JSON.parse(inflateRawSync(plain).toString("utf8")) as Pack;
}

/** The objects of {@link openPack}. */
export function readPack(data: Uint8Array, keyId: string, packMaster: Uint8Array): ReadonlyMap<ObjectId, KubeObject> {
  const { objects } = openPack(data, keyId, packMaster);
  return new Map(objects.map((object) => [idOf(object), object]));
}
