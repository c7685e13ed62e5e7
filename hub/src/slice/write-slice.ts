import { constants, deflateRawSync } from "node:zlib";
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
 * random). The plain text is JSON, compressed as one raw deflate stream of two parts: what is this cluster's own, ended
 * with a flush, and then the apps, which clusters that run the same share.
 */
export function writeSlice(content: SliceContent, writing: SliceWriting): SliceEnvelope {
  const { number, signing, shared } = writing;
  const { apps, ...own } = content;
  const body: Omit<SliceBody, "apps"> = { format: SLICE_FORMAT, number, ...own };
  const head = deflateRawSync(`${canonicalJson(body).slice(0, -1)},`, { finishFlush: constants.Z_SYNC_FLUSH });
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

/** Keyed digest of all that a slice says but its number: equal content is not published again (L4). */
export function digestOfContent(
  content: SliceContent,
  { shared, packMaster, sealedTo }: { shared: SharedParts; packMaster: Uint8Array; sealedTo: string },
): string {
  const { apps, ...own } = content;
  const text = canonicalJson({ ...own, apps: apps.map((app) => shared.digestOf(app)) });
  return hmacSha256Hex(packMaster, `axle-slice-content-v3\n${sealedTo}\n${text}`);
}
