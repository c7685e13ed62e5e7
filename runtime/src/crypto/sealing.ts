import {
  createCipheriv,
  createDecipheriv,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import { CryptoError } from "./crypto-error.ts";
import { exportPair, importPrivateKey, importPublicKey, publicKeyOf } from "./raw-keys.ts";
import type { RawKeyPair } from "./raw-keys.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const INFO = "axle-seal-v1";

/** A new X25519 pair. */
export function generateSealingKey(): RawKeyPair {
  return exportPair(generateKeyPairSync("x25519").privateKey);
}

/**
 * Encrypts to the holder of a key, bound to `context` (which is not contained): ephemeral X25519, HKDF-SHA256 over
 * both public keys, AES-256-GCM. Layout: ephemeral public key (32) | nonce (12) | ciphertext | tag (16).
 * Says nothing of who sealed it: the sender signs what it sends.
 */
export function sealTo(publicKey: Uint8Array, plain: Uint8Array, context: string): Uint8Array {
  return new Sealer().sealTo(publicKey, plain, context);
}

/**
 * {@link sealTo} for many holders in one go: they share the ephemeral key, which is half of the work. What each of them
 * derives from it depends on its own key, so none learns anything of another's text (Bellare, Boldyreva, Staddon:
 * "Randomness re-use in multi-recipient encryption schemes", 2003). To be dropped when the turn is over.
 */
export class Sealer {
  readonly #ephemeral = generateKeyPairSync("x25519").privateKey;
  readonly #ephemeralPublic = exportPair(this.#ephemeral).publicKey;

  sealTo(publicKey: Uint8Array, plain: Uint8Array, context: string): Uint8Array {
    const shared = agree(this.#ephemeral, publicKey);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", deriveKey(shared, this.#ephemeralPublic, publicKey), nonce);
    cipher.setAAD(Buffer.from(context, "utf8"));
    return Buffer.concat([this.#ephemeralPublic, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Inverse of {@link sealTo}. Throws {@link CryptoError} `not-authentic` for anything altered, of another context or for another key. */
export function openSealed(privateKey: Uint8Array, sealed: Uint8Array, context: string): Uint8Array {
  if (sealed.length < KEY_BYTES + NONCE_BYTES + TAG_BYTES) {
    throw new CryptoError("not-authentic", "the sealed text is too short");
  }
  const ephemeralPublic = sealed.subarray(0, KEY_BYTES);
  const nonce = sealed.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES);
  const ciphertext = sealed.subarray(KEY_BYTES + NONCE_BYTES, -TAG_BYTES);
  const own = importPrivateKey("x25519", privateKey);
  try {
    const key = deriveKey(agree(own, ephemeralPublic), ephemeralPublic, publicKeyOf("x25519", privateKey));
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context, "utf8"));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch (error) {
    throw new CryptoError("not-authentic", "the sealed text was altered, or is for another key or context", {
      cause: error,
    });
  }
}

function agree(privateKey: ReturnType<typeof importPrivateKey>, publicKey: Uint8Array): Uint8Array {
  const other = importPublicKey("x25519", publicKey);
  try {
    return diffieHellman({ privateKey, publicKey: other });
  } catch (error) {
    throw new CryptoError("bad-key", "no secret can be agreed on with this key", { cause: error });
  }
}

function deriveKey(shared: Uint8Array, ephemeralPublic: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const salt = Buffer.concat([ephemeralPublic, publicKey]);
  return new Uint8Array(hkdfSync("sha256", shared, salt, INFO, KEY_BYTES));
}
