import { createPrivateKey, createPublicKey, sign } from "node:crypto";

// ASN.1 object identifiers, DER: commonName (2.5.4.3) and Ed25519 (1.3.101.112).
const COMMON_NAME = Buffer.from("0603550403", "hex");
const ED25519 = Buffer.from("06032b6570", "hex");

/**
 * A PKCS#10 request for an Ed25519 key, PEM. Written by hand because it is the one X.509 structure the agent makes, and a
 * library for it costs more memory than the rest of joining. The hub ignores the name in it.
 */
export function writeCertificateRequest(keyPem: string, commonName: string): string {
  const key = createPrivateKey(keyPem);
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" });
  const name = sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(commonName, "utf8")))));
  const version = Buffer.from("020100", "hex");
  const noAttributes = Buffer.from("a000", "hex");
  const info = sequence(version, name, publicKey, noAttributes);
  const noUnusedBits = Buffer.from("00", "hex");
  const request = sequence(info, sequence(ED25519), tagged(0x03, noUnusedBits, sign(null, info, key)));
  const lines = request.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE REQUEST-----", ...lines, "-----END CERTIFICATE REQUEST-----", ""].join("\n");
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

/** Short form below 128, else the number of length bytes and the length. */
function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
