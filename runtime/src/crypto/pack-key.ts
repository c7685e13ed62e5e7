import { createHmac, hkdfSync } from "node:crypto";
import { CryptoError } from "./crypto-error.ts";

const ID_LABEL = "axle-pack-id-v1";
const KEY_LABEL = "axle-pack-key-v1";

export interface PackKey {
  /** Keyed digest of the content, hex: says nothing of it to who has no master key, and may be stored. */
  readonly keyId: string;
  /** 32 bytes. Never stored by the hub: derived again from `keyId`. */
  readonly key: Uint8Array;
}

/** The key for exactly this content. Equal content under one master key has an equal key. */
export function packKeyOf(master: Uint8Array, plain: Uint8Array): PackKey {
  const keyId = createHmac("sha256", checkMaster(master)).update(ID_LABEL).update(plain).digest("hex");
  return { keyId, key: packKeyFromId(master, keyId) };
}

/** The same key from its id alone. */
export function packKeyFromId(master: Uint8Array, keyId: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(keyId)) throw new CryptoError("bad-key", "a pack's key id is 64 hex digits");
  return new Uint8Array(hkdfSync("sha256", checkMaster(master), Buffer.from(keyId, "hex"), KEY_LABEL, 32));
}

function checkMaster(master: Uint8Array): Uint8Array {
  if (master.length !== 32) throw new CryptoError("bad-key", `the master key has 32 bytes, not ${master.length}`);
  return master;
}
