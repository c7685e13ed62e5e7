import { generateKeyPairSync, sign as signBytes, verify as verifyBytes } from "node:crypto";
import { exportPair, importPrivateKey, importPublicKey } from "./raw-keys.ts";
import type { RawKeyPair } from "./raw-keys.ts";

/** A new Ed25519 pair. */
export function generateSigningKey(): RawKeyPair {
  return exportPair(generateKeyPairSync("ed25519").privateKey);
}

/** Ed25519 signature, 64 bytes. The text's first line must say what is signed, so that no signature counts for anything else. */
export function sign(privateKey: Uint8Array, text: string | Uint8Array): Uint8Array {
  return signBytes(null, bytesOf(text), importPrivateKey("ed25519", privateKey));
}

/** False for anything that is not exactly right, a signature of the wrong length included. */
export function verify(publicKey: Uint8Array, text: string | Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  return verifyBytes(null, bytesOf(text), importPublicKey("ed25519", publicKey), signature);
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? Buffer.from(text, "utf8") : text;
}
