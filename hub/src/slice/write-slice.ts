import { deflateRawSync } from "node:zlib";
import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { PackHandle } from "@axle/core/placement/app-record.ts";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import {
  type PackRef,
  sealContextOf,
  signedTextOf,
  SLICE_FORMAT,
  type SliceBody,
  type SliceEnvelope,
  type SliceNumber,
} from "@axle/core/slice/slice.ts";
import { packKeyFromId } from "@axle/runtime/crypto/pack-key.ts";
import { sealTo } from "@axle/runtime/crypto/sealing.ts";
import { sign } from "@axle/runtime/crypto/signing.ts";

export interface SliceWriting {
  readonly number: SliceNumber;
  /** X25519, 32 bytes: the cluster's. */
  readonly sealPublicKey: Uint8Array;
  /** Ed25519, 32 bytes, and its id in the key set. */
  readonly signing: { readonly id: string; readonly privateKey: Uint8Array };
  readonly packMaster: Uint8Array;
}

/** Content, numbered, sealed to the cluster's key and signed: what is published. Differs each time it is written (sealing is random). */
export function writeSlice(content: SliceContent, writing: SliceWriting): SliceEnvelope {
  const { number, signing } = writing;
  const body: SliceBody = {
    format: SLICE_FORMAT,
    cluster: content.cluster,
    number,
    apps: content.apps.map((app) => ({
      ...app,
      packs: app.packs.map((handle) => refTo(handle, writing.packMaster)),
    })),
    approvals: content.approvals,
    deletionHolds: content.deletionHolds,
  };
  const context = sealContextOf({ cluster: content.cluster, number });
  const sealed = sealTo(writing.sealPublicKey, deflateRawSync(canonicalJson(body)), context);
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

function refTo(handle: PackHandle, packMaster: Uint8Array): PackRef {
  const key = Buffer.from(packKeyFromId(packMaster, handle.keyId)).toString("base64");
  return { digest: handle.digest, key, size: handle.size, chunks: handle.chunks };
}
