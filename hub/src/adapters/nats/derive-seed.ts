import { createHmac } from "node:crypto";

/** A seed is written as two prefix bytes (S with the type across them), 32 secret bytes and a CRC, in base32. */
const SEED_PREFIX = 18 << 3;
const TYPES = { user: 20 << 3, account: 0 } as const;

/**
 * A seed derived from another one, for a purpose: the hub has nothing more to keep. So the key of a cluster's agent is
 * always the same, a renewal is a new token for the same user, and revoking it needs no list of what was ever minted.
 */
export function deriveSeed(seed: string, type: keyof typeof TYPES, purpose: string): string {
  const secret = createHmac("sha256", seed).update(`axle-nats-v1\n${type}\n${purpose}`).digest();
  return encodeSeed(TYPES[type], secret);
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** nkeys makes keys from random bytes only, so the text form is written here. */
function encodeSeed(type: number, secret: Uint8Array): string {
  const body = Buffer.from([SEED_PREFIX | (type >> 5), (type & 31) << 3, ...secret]);
  const crc = crc16(body);
  return toBase32(Buffer.from([...body, crc & 0xff, crc >> 8]));
}

function crc16(data: Uint8Array): number {
  let crc = 0;
  for (const byte of data) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

function toBase32(data: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of data) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      text += BASE32[(held >> (bits - 5)) & 31];
      bits -= 5;
      held &= (1 << bits) - 1;
    }
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text;
}
