import { type KeySet, keySetText } from "@axle/core/session/key-set.ts";
import { verify } from "@axle/runtime/crypto/signing.ts";
import { SliceError } from "./slice-error.ts";

/**
 * The set to trust from now on. The first one is taken at registration, over a connection checked against the CA in the
 * join token, and pins the root key; afterwards only that root can bring a newer set in. An older set is passed over
 * (a hub restored from a backup, a replica that lags). Throws {@link SliceError} `untrusted-key`.
 */
export function acceptKeySet(trusted: KeySet | undefined, offered: KeySet): KeySet {
  if (trusted !== undefined && offered.rootPublicKey !== trusted.rootPublicKey) {
    throw new SliceError("untrusted-key", "the hub offers a key set of another root key; join again to trust it");
  }
  const root = bytesOf(offered.rootPublicKey);
  if (root.length !== 32 || !verify(root, keySetText(offered), bytesOf(offered.signature))) {
    throw new SliceError("untrusted-key", "the hub offers a key set that its root key did not sign");
  }
  return trusted !== undefined && offered.version <= trusted.version ? trusted : offered;
}

/** Raw public key of a signing key the set holds; undefined when it holds none of that id. */
export function findSigningKey(set: KeySet, id: string): Uint8Array | undefined {
  const key = set.keys.find((candidate) => candidate.id === id);
  const raw = key === undefined ? undefined : bytesOf(key.publicKey);
  return raw?.length === 32 ? raw : undefined;
}

function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}
