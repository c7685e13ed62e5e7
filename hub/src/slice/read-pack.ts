import { inflateRawSync } from "node:zlib";
import { idOf, type KubeObject, type ObjectId } from "@axle/core/manifest/object.ts";
import type { Pack } from "@axle/core/slice/slice.ts";
import { decryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import { packKeyFromId } from "@axle/runtime/crypto/pack-key.ts";

/** The objects of a pack that {@link writePack} wrote under the same master key. Throws CryptoError for anything else. */
export function readPack(data: Uint8Array, keyId: string, packMaster: Uint8Array): ReadonlyMap<ObjectId, KubeObject> {
  const plain = decryptContent(packKeyFromId(packMaster, keyId), data);
  const { objects } = JSON.parse(inflateRawSync(plain).toString("utf8")) as Pack;
  return new Map(objects.map((object) => [idOf(object), object]));
}
