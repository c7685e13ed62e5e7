import { createCipheriv, createDecipheriv, createPrivateKey, hkdfSync, randomBytes } from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What sealing adds to the size. */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;

/** The key of the agent's cache, from the key that is its identity: a cache is worth nothing to anybody else. */
export function cacheKeyOf(identityKeyPem: string): Uint8Array {
  const secret = createPrivateKey(identityKeyPem).export({ format: "der", type: "pkcs8" });
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(), "axle-cache-v1", 32));
}

/** AES-256-GCM bound to the file's name. Layout: nonce (12) | ciphertext | tag (16). */
export function sealFile(key: Uint8Array, name: string, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.from(name, "utf8"));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when it was altered, cut off, moved from another name, or is another agent's. */
export function openFile(key: Uint8Array, name: string, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < SEAL_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(name, "utf8"));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    // The one thing GCM can say is "not authentic".
    return undefined;
  }
}
