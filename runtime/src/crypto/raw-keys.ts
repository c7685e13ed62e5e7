import { createPrivateKey, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { CryptoError } from "./crypto-error.ts";

/** A key pair as 32 raw bytes each: what is stored, sent and pinned. */
export interface RawKeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

export type Curve = "ed25519" | "x25519";

// DER of PKCS#8 and SPKI up to the 32 bytes of the key (RFC 8410).
const PRIVATE_PREFIX = {
  ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
  x25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
} as const;
const PUBLIC_PREFIX = {
  ed25519: Buffer.from("302a300506032b6570032100", "hex"),
  x25519: Buffer.from("302a300506032b656e032100", "hex"),
} as const;

/** Imported keys by the bytes they came from, which nobody changes: a hub signs and seals with the same few thousands of times. */
const imported = new WeakMap<Uint8Array, KeyObject>();

export function importPrivateKey(curve: Curve, raw: Uint8Array): KeyObject {
  return importOnce(raw, () => {
    const der = Buffer.concat([PRIVATE_PREFIX[curve], checkLength(raw)]);
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  });
}

export function importPublicKey(curve: Curve, raw: Uint8Array): KeyObject {
  return importOnce(raw, () => {
    const der = Buffer.concat([PUBLIC_PREFIX[curve], checkLength(raw)]);
    return createPublicKey({ key: der, format: "der", type: "spki" });
  });
}

function importOnce(raw: Uint8Array, make: () => KeyObject): KeyObject {
  const known = imported.get(raw);
  if (known !== undefined) return known;
  const made = make();
  imported.set(raw, made);
  return made;
}

/** The pair of a private key object as raw bytes. */
export function exportPair(privateKey: KeyObject): RawKeyPair {
  const secret = privateKey.export({ format: "der", type: "pkcs8" });
  const open = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return { privateKey: secret.subarray(-32), publicKey: open.subarray(-32) };
}

/** The public half of a raw private key. */
export function publicKeyOf(curve: Curve, privateKey: Uint8Array): Uint8Array {
  return exportPair(importPrivateKey(curve, privateKey)).publicKey;
}

function checkLength(raw: Uint8Array): Uint8Array {
  if (raw.length !== 32) throw new CryptoError("bad-key", `a key has 32 bytes, this one has ${raw.length}`);
  return raw;
}
