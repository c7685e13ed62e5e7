// The X.509 library needs a Reflect polyfill before it is loaded; this file is the one place that loads it.
import "@abraham/reflection";
import { createHash, createPrivateKey, createPublicKey, randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

cryptoProvider.set(webcrypto);

export {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
};

/** P-256 with SHA-256: what every TLS stack accepts. */
export const ECDSA_P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A PKCS#8 PEM as a WebCrypto key that signs with P-256. */
export async function importSigningKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", new Uint8Array(der), ECDSA_P256, false, ["sign"]);
}

/** The public half of a PKCS#8 PEM, as SPKI DER. */
export function publicKeyDerOf(keyPem: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createPublicKey(keyPem).export({ format: "der", type: "spki" }));
}

/** SHA-256 of a public key (SPKI DER), hex: what identifies an agent. */
export function fingerprintOf(spkiDer: Uint8Array | ArrayBuffer): string {
  return createHash("sha256")
    .update(spkiDer instanceof ArrayBuffer ? new Uint8Array(spkiDer) : spkiDer)
    .digest("hex");
}

/** 127 random bits: positive, and no two alike. */
export function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}
