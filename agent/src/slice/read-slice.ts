import type { KeySet } from "@axle/core/session/key-set.ts";
import { checkSliceBody, checkSliceEnvelope } from "@axle/core/slice/slice-schema.ts";
import {
  compareNumbers,
  sealContextOf,
  signedTextOf,
  SLICE_FORMAT,
  type SliceBody,
  type SliceEnvelope,
  type SliceNumber,
} from "@axle/core/slice/slice.ts";
import { openSealed } from "@axle/runtime/crypto/sealing.ts";
import { verify } from "@axle/runtime/crypto/signing.ts";
import { inflateJson } from "./inflate.ts";
import { findSigningKey } from "./key-set.ts";
import { SliceError } from "./slice-error.ts";

export interface SliceTrust {
  /** Id of this cluster. */
  readonly cluster: string;
  readonly keySet: KeySet;
  /** X25519, 32 bytes. */
  readonly sealPrivateKey: Uint8Array;
  /** The highest number accepted so far; a slice of exactly this number is that slice again, after a restart. */
  readonly accepted: SliceNumber | undefined;
  /** Of the opened body. */
  readonly maxBytes: number;
}

/** The text of a stored slice as an envelope of the right shape; nothing in it is to be believed yet. */
export function parseEnvelope(text: string): SliceEnvelope {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SliceError("bad-format", "the slice is not JSON", { cause: error });
  }
  if (typeof value === "object" && value !== null && "format" in value && value.format !== SLICE_FORMAT) {
    throw new SliceError(
      "bad-format",
      `the slice is of format ${String(value.format)}; this agent reads ${SLICE_FORMAT}`,
    );
  }
  const checked = checkSliceEnvelope(value);
  if ("problem" in checked) throw new SliceError("bad-format", `the slice is malformed: ${checked.problem}`);
  return checked.value;
}

/**
 * S1: verifies first, opens afterwards. Throws {@link SliceError} for a slice that is not addressed to this cluster, not
 * signed by a key of the trusted set, older than what was accepted, or not what it says outside.
 */
export async function readSlice(envelope: SliceEnvelope, trust: SliceTrust): Promise<SliceBody> {
  if (envelope.cluster !== trust.cluster) {
    throw new SliceError("other-cluster", `the slice is for cluster ${envelope.cluster}, this is ${trust.cluster}`);
  }
  const key = findSigningKey(trust.keySet, envelope.keyId);
  if (key === undefined) {
    throw new SliceError(
      "untrusted-key",
      `the slice is signed by key ${envelope.keyId}, which is not in the trusted key set`,
    );
  }
  if (!verify(key, signedTextOf(envelope), Buffer.from(envelope.signature, "base64"))) {
    throw new SliceError("unsigned", `the slice's signature is not that of key ${envelope.keyId}`);
  }
  if (trust.accepted !== undefined && compareNumbers(envelope.number, trust.accepted) < 0) {
    const [found, accepted] = [envelope.number, trust.accepted].map(formatNumber);
    throw new SliceError("older", `the slice is number ${found}, but ${accepted} was accepted before`);
  }
  const body = await openBody(envelope, trust);
  if (body.cluster !== envelope.cluster || compareNumbers(body.number, envelope.number) !== 0) {
    throw new SliceError("bad-format", "the slice says another cluster or number inside than outside");
  }
  return body;
}

async function openBody(envelope: SliceEnvelope, trust: SliceTrust): Promise<SliceBody> {
  let plain: Uint8Array;
  try {
    plain = openSealed(trust.sealPrivateKey, Buffer.from(envelope.sealed, "base64"), sealContextOf(envelope));
  } catch (error) {
    throw new SliceError("unreadable", "the slice is not sealed to this cluster's key", { cause: error });
  }
  const value = await inflateJson(plain, { maxBytes: trust.maxBytes, what: "the slice", corrupt: "bad-format" });
  const checked = checkSliceBody(value);
  if ("problem" in checked) throw new SliceError("bad-format", `the slice is malformed inside: ${checked.problem}`);
  return checked.value;
}

/** `epoch.n`, as people read it. */
export function formatNumber(number: SliceNumber): string {
  return `${number.epoch}.${number.n}`;
}
