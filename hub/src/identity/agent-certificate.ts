import { X509Certificate as NodeCertificate, verify } from "node:crypto";
import { parseIdentityUris } from "./agent-identity.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import { IdentityError } from "./identity-error.ts";
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension, X509Certificate, fingerprintOf } from "./x509.ts";

const MAX_PEM_LENGTH = 16_384;

/** The key a certificate request asks for; its holder proved to have the private half. */
export interface RequestedKey {
  /** SPKI DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** SHA-256 of it, hex: the agent's identity. */
  readonly fingerprint: string;
}

/** Reads and checks a PKCS#10 request. What it asks to be named is ignored: the hub says who an agent is. Throws {@link IdentityError} `bad-request`. */
export async function readCertificateRequest(pem: string): Promise<RequestedKey> {
  if (pem.length > MAX_PEM_LENGTH) throw new IdentityError("bad-request", "the certificate request is too long");
  let isProven: boolean;
  let request: Pkcs10CertificateRequest;
  try {
    request = new Pkcs10CertificateRequest(pem);
    isProven = await request.verify();
  } catch (error) {
    throw new IdentityError("bad-request", "the certificate request is not a PKCS#10 request in PEM", { cause: error });
  }
  if (!isProven) throw new IdentityError("bad-request", "the certificate request is not signed by its own key");
  const { name } = request.publicKey.algorithm;
  const curve = (request.publicKey.algorithm as { namedCurve?: string }).namedCurve;
  if (name !== "Ed25519" && !(name === "ECDSA" && curve === "P-256")) {
    throw new IdentityError(
      "bad-request",
      `the certificate request is for a key of type ${name}; use Ed25519 or P-256`,
    );
  }
  const publicKey = new Uint8Array(request.publicKey.rawData);
  return { publicKey, fingerprint: fingerprintOf(publicKey) };
}

/** What an agent's certificate says, once it is known to be ours. */
export interface ReadCertificate {
  readonly identity: AgentIdentity;
  /** SHA-256 of the public key, hex. */
  readonly fingerprint: string;
  readonly notAfterMs: number;
  /** Whether `signature` over `text` was made by the certificate's key. */
  hasSigned(text: string, signature: Uint8Array): boolean;
}

/**
 * Reads a certificate that our CA signed, expired or not. Throws {@link IdentityError} `bad-certificate` for any other.
 * `certificate` is PEM, or DER as a TLS socket gives it.
 */
export function readAgentCertificate(certificate: string | Uint8Array, caPem: string): ReadCertificate {
  if (certificate.length > MAX_PEM_LENGTH) throw new IdentityError("bad-certificate", "the certificate is too long");
  let parsed: NodeCertificate;
  let names: SubjectAlternativeNameExtension | null;
  try {
    parsed = new NodeCertificate(certificate);
    names = new X509Certificate(new Uint8Array(parsed.raw)).getExtension(SubjectAlternativeNameExtension);
  } catch (error) {
    throw new IdentityError("bad-certificate", "the certificate cannot be read", { cause: error });
  }
  const ca = new NodeCertificate(caPem);
  if (parsed.ca || !parsed.checkIssued(ca) || !parsed.verify(ca.publicKey)) {
    throw new IdentityError("bad-certificate", "the certificate is not from this hub");
  }
  const uris = names?.names.items.filter((item) => item.type === "url").map((item) => item.value) ?? [];
  const identity = parseIdentityUris(uris);
  if (identity === undefined) throw new IdentityError("bad-certificate", "the certificate is not that of an agent");
  const key = parsed.publicKey;
  return {
    identity,
    fingerprint: fingerprintOf(key.export({ format: "der", type: "spki" })),
    notAfterMs: Date.parse(parsed.validTo),
    hasSigned: (text, signature) =>
      verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", Buffer.from(text, "utf8"), key, signature),
  };
}
