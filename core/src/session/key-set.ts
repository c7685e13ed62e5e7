import { canonicalJson } from "../manifest/canonical-json.ts";

/** The hub's signing keys as an agent trusts them: versioned, and signed by a root key that can stay offline. Binary fields are base64. */
export interface KeySet {
  readonly version: number;
  readonly keys: readonly SigningKey[];
  /** Ed25519, 32 bytes. Pinned by the agent at its first registration. */
  readonly rootPublicKey: string;
  /** Ed25519 by the root key over {@link keySetText}. */
  readonly signature: string;
}

export interface SigningKey {
  readonly id: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: string;
}

/** The text the root's signature covers; the first line separates it from all else the key may sign. */
export function keySetText(set: Pick<KeySet, "version" | "keys">): string {
  const keys = set.keys.map(({ id, publicKey }) => ({ id, publicKey }));
  return `axle-keyset-v1\n${canonicalJson({ version: set.version, keys })}`;
}
