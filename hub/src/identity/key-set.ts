import { createHash } from "node:crypto";
import { keySetText } from "@axle/core/session/key-set.ts";
import type { KeySet } from "@axle/core/session/key-set.ts";
import type { RawKeyPair } from "@axle/runtime/crypto/raw-keys.ts";
import { sign } from "@axle/runtime/crypto/signing.ts";

/** A short name for a signing key, from its content: the same key always has the same. */
export function signingKeyId(publicKey: Uint8Array): string {
  return createHash("sha256").update(publicKey).digest("hex").slice(0, 16);
}

/** The set agents trust: version 1, the one signing key, signed by the root. Deterministic, so it needs no storing. */
export function signKeySet(signing: RawKeyPair, root: RawKeyPair): KeySet {
  const unsigned = {
    version: 1,
    keys: [{ id: signingKeyId(signing.publicKey), publicKey: toBase64(signing.publicKey) }],
  };
  const signature = toBase64(sign(root.privateKey, keySetText(unsigned)));
  return { ...unsigned, rootPublicKey: toBase64(root.publicKey), signature };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
