import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** SHA-256, hex. Text counts as UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** HMAC-SHA256, hex: for digests of secret content, which a plain digest would let others guess. */
export function hmacSha256Hex(key: Uint8Array, data: string | Uint8Array): string {
  return createHmac("sha256", key).update(data).digest("hex");
}

/** Compares secrets in a time that does not tell where they differ. */
export function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
