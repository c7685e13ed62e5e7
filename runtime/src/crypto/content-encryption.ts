import { createCipheriv, createDecipheriv } from "node:crypto";
import { CryptoError } from "./crypto-error.ts";

const TAG_BYTES = 16;
const ZERO_NONCE = new Uint8Array(12);

/**
 * AES-256-GCM with a fixed nonce: equal content gives equal bytes, so the digest of the ciphertext is its address.
 * Sound only because the key is derived from the content ({@link packKeyOf}) and so never encrypts anything else.
 * Layout: ciphertext | tag (16).
 */
export function encryptContent(key: Uint8Array, plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", checkKey(key), ZERO_NONCE);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws {@link CryptoError} `not-authentic` when altered or of another key. */
export function decryptContent(key: Uint8Array, encrypted: Uint8Array): Uint8Array {
  if (encrypted.length < TAG_BYTES) throw new CryptoError("not-authentic", "the encrypted content is too short");
  const decipher = createDecipheriv("aes-256-gcm", checkKey(key), ZERO_NONCE, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(encrypted.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(encrypted.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new CryptoError("not-authentic", "the encrypted content was altered, or the key is another's", {
      cause: error,
    });
  }
}

function checkKey(key: Uint8Array): Uint8Array {
  if (key.length !== 32) throw new CryptoError("bad-key", `a content key has 32 bytes, this one has ${key.length}`);
  return key;
}
