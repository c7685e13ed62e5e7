import { createHmac, randomBytes } from "node:crypto";
import { publicKeyOf } from "@axle/runtime/crypto/raw-keys.ts";
import { sign } from "@axle/runtime/crypto/signing.ts";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { StoreError } from "./store-error.ts";

/** A NATS key pair. Signed with node's own Ed25519: what the nkeys package does in plain JavaScript takes milliseconds of CPU each time. */
export interface Nkey {
  /** Public key in NATS's text form: `O…`, `A…`, `U…`. */
  readonly id: string;
  /** Private key in text form: `SO…`, `SA…`, `SU…`. Secret. */
  readonly seed: string;
  sign(text: string): Uint8Array;
}

const PREFIX_SEED = 18 << 3;
/** Their letters: O, A, U. */
const PREFIXES = { operator: 14 << 3, account: 0, user: 20 << 3 } as const;

export type NkeyType = keyof typeof PREFIXES;

/** A key pair from its seed. Throws StoreError `corrupt` when it is none. */
export function openNkey(seed: string): Nkey {
  const text = seed.trim();
  const data = decodeBase32(text);
  const body = data?.subarray(0, 34);
  if (data === undefined || body === undefined || data.length !== 36 || data.readUInt16LE(34) !== crc16(body)) {
    throw new StoreError("corrupt", "a NATS seed is not readable");
  }
  // Bits left over at the end count too: a seed has one text.
  if (encodeBase32(data) !== text) throw new StoreError("corrupt", "a NATS seed is not readable");
  const prefix = (((body[0] ?? 0) & 7) << 5) | ((body[1] ?? 0) >> 3);
  const type = (Object.keys(PREFIXES) as NkeyType[]).find((name) => PREFIXES[name] === prefix);
  if (type === undefined || ((body[0] ?? 0) & 0xf8) !== PREFIX_SEED) {
    throw new StoreError("corrupt", "a NATS seed is of a kind that has no use here");
  }
  return nkeyOf(type, body.subarray(2));
}

/** A new user. */
export function newUserKey(): Nkey {
  return nkeyOf("user", randomBytes(32));
}

/**
 * A key derived from another one's seed, for a purpose: the hub has nothing more to keep. So the key of a cluster's agent
 * is always the same, a renewal is a new token for the same user, and revoking it needs no list of what was ever minted.
 */
export function deriveNkey(seed: string, type: NkeyType, purpose: string): Nkey {
  return nkeyOf(type, createHmac("sha256", seed.trim()).update(`axle-nats-v1\n${type}\n${purpose}`).digest());
}

function nkeyOf(type: NkeyType, secret: Uint8Array): Nkey {
  const prefix = PREFIXES[type];
  return {
    id: encode([prefix], publicKeyOf("ed25519", secret)),
    seed: encode([PREFIX_SEED | (prefix >> 5), (prefix & 31) << 3], secret),
    sign: (text) => sign(secret, text),
  };
}

/** Prefix, key, CRC-16 (little-endian), in base32. */
function encode(prefix: readonly number[], key: Uint8Array): string {
  const body = Buffer.from([...prefix, ...key]);
  const crc = crc16(body);
  return encodeBase32(Buffer.from([...body, crc & 0xff, crc >> 8]));
}

function crc16(data: Uint8Array): number {
  let crc = 0;
  for (const byte of data) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
