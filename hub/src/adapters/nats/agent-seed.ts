import { createHmac } from "node:crypto";

/**
 * The user key of a cluster's agent, derived from the account's: the hub needs to remember nothing to revoke it, and a
 * renewal is a new token for the same user.
 */
export function agentSeedOf(accountSeed: string, cluster: string): string {
  const secret = createHmac("sha256", accountSeed).update(`axle-nats-agent-v1\n${cluster}`).digest();
  return encodeUserSeed(secret);
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
// Two prefix bytes of a seed: S (18 << 3) with the type U (20 << 3) across them.
const SEED_PREFIX = 18 << 3;
const USER_PREFIX = 20 << 3;

/** nkeys makes users from random bytes only, so the text form of a seed is written here: prefix, secret, CRC-16, base32. */
function encodeUserSeed(secret: Uint8Array): string {
  const body = Buffer.from([SEED_PREFIX | (USER_PREFIX >> 5), (USER_PREFIX & 31) << 3, ...secret]);
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
