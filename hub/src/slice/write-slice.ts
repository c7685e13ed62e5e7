import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import {
  sealContextOf,
  signedTextOf,
  SLICE_FORMAT,
  type SliceBody,
  type SliceEnvelope,
  type SliceNumber,
} from "@axle/core/slice/slice.ts";
import { hmacSha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { Sealer } from "@axle/runtime/crypto/sealing.ts";
import { sign } from "@axle/runtime/crypto/signing.ts";
import type { SharedParts } from "./shared-parts.ts";

export interface SliceWriting {
  readonly number: SliceNumber;
  /** X25519, 32 bytes: the cluster's. */
  readonly sealPublicKey: Uint8Array;
  /** Ed25519, 32 bytes, and its id in the key set. */
  readonly signing: { readonly id: string; readonly privateKey: Uint8Array };
  readonly sealer: Sealer;
  readonly shared: SharedParts;
}

/**
 * Content, numbered, sealed to the cluster's key and signed: what is published. Differs each time it is written (sealing is
 * random). The plain text is JSON, as one raw deflate stream of two parts: what is this cluster's own, stored as it is
 * (to compress so little takes longer than to sign it), and then the apps, which clusters that run the same share.
 */
export function writeSlice(content: SliceContent, writing: SliceWriting): SliceEnvelope {
  const { number, signing, shared } = writing;
  const { apps, ...own } = content;
  const body: Omit<SliceBody, "apps"> = { format: SLICE_FORMAT, number, ...own };
  const head = storedBlock(Buffer.from(`${canonicalJson(body).slice(0, -1)},`));
  const context = sealContextOf({ cluster: content.cluster, number });
  const sealed = writing.sealer.sealTo(writing.sealPublicKey, Buffer.concat([head, shared.packApps(apps)]), context);
  const unsigned = {
    format: SLICE_FORMAT,
    cluster: content.cluster,
    number,
    keyId: signing.id,
    sealed: Buffer.from(sealed).toString("base64"),
  } as const;
  const signature = Buffer.from(sign(signing.privateKey, signedTextOf(unsigned))).toString("base64");
  return { ...unsigned, signature };
}

/** Most bytes of a stored block (RFC 1951, 3.2.4). */
const STORED_BYTES = 0xffff;

/** Blocks of a raw deflate stream that hold the bytes as they are; none of them is the last. */
function storedBlock(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += STORED_BYTES) {
    const part = bytes.subarray(at, at + STORED_BYTES);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(part.length, 1);
    header.writeUInt16LE(~part.length & 0xffff, 3);
    parts.push(header, part);
  }
  return Buffer.concat(parts);
}

/** Keyed digest of all that a slice says but its number: equal content is not published again (L4). */
export function digestOfContent(
  content: SliceContent,
  { shared, packMaster, sealedTo }: { shared: SharedParts; packMaster: Uint8Array; sealedTo: string },
): string {
  return shared.remember(content, sealedTo, () => {
    const { apps, ...own } = content;
    const text = canonicalJson({ ...own, apps: apps.map((app) => shared.digestOf(app)) });
    return hmacSha256Hex(packMaster, `axle-slice-content-v3\n${sealedTo}\n${text}`);
  });
}
