import { X509Certificate as NodeCertificate, generateKeyPairSync } from "node:crypto";
import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { identityUris } from "./agent-identity.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import {
  BasicConstraintsExtension,
  ECDSA_P256,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  importSigningKey,
  newSerialNumber,
  publicKeyDerOf,
} from "./x509.ts";

const DAY_MS = 24 * 60 * 60_000;
const CA_VALID_MS = 10 * 365 * DAY_MS;
const SERVER_VALID_MS = 365 * DAY_MS;
/** Clocks of agents may be behind ours. */
const BACKDATED_MS = DAY_MS;
const CA_NAME = "CN=Axle hub CA";

export interface IssuedCertificate {
  readonly pem: string;
  readonly notAfterMs: number;
}

/** Signs the hub's own server certificates and those of agents. P-256: what every TLS stack accepts. */
export class CertificateAuthority {
  readonly certificatePem: string;
  /** SHA-256 of the certificate (DER), hex: what join tokens pin. */
  readonly fingerprint: string;
  readonly #signingKey: webcrypto.CryptoKey;

  private constructor(certificatePem: string, signingKey: webcrypto.CryptoKey) {
    this.certificatePem = certificatePem;
    this.fingerprint = new NodeCertificate(certificatePem).fingerprint256.replaceAll(":", "").toLowerCase();
    this.#signingKey = signingKey;
  }

  static async load(pair: { certificatePem: string; keyPem: string }): Promise<CertificateAuthority> {
    return new CertificateAuthority(pair.certificatePem, await importSigningKey(pair.keyPem));
  }

  /** A self-signed certificate, valid ten years, for a key of {@link newKeyPem}. */
  static async selfSign(keyPem: string, nowMs: number): Promise<string> {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: newSerialNumber(),
      subject: CA_NAME,
      issuer: CA_NAME,
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(nowMs + CA_VALID_MS),
      publicKey: publicKeyDerOf(keyPem),
      signingKey: await importSigningKey(keyPem),
      signingAlgorithm: ECDSA_P256,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return `${certificate.toString("pem")}\n`;
  }

  /** For the hub's gRPC, HTTP and NATS, valid a year. `hosts` are DNS names and IP addresses. */
  issueServer(options: { keyPem: string; hosts: readonly string[]; nowMs: number }): Promise<IssuedCertificate> {
    const { hosts, nowMs } = options;
    return this.#issue({
      subject: "CN=Axle hub",
      publicKey: publicKeyDerOf(options.keyPem),
      names: hosts.map((host) => ({ type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const), value: host })),
      usage: ExtendedKeyUsage.serverAuth,
      nowMs,
      notAfterMs: nowMs + SERVER_VALID_MS,
    });
  }

  /** For an agent, short-lived; says who it is ({@link AgentIdentity}). */
  issueAgent(options: {
    identity: AgentIdentity;
    publicKey: Uint8Array<ArrayBuffer>;
    nowMs: number;
    validMs: number;
  }): Promise<IssuedCertificate> {
    const { identity, publicKey, nowMs, validMs } = options;
    return this.#issue({
      subject: `CN=${identity.name}`,
      publicKey,
      names: identityUris(identity).map((value) => ({ type: "url" as const, value })),
      usage: ExtendedKeyUsage.clientAuth,
      nowMs,
      notAfterMs: nowMs + validMs,
    });
  }

  async #issue(options: {
    subject: string;
    publicKey: Uint8Array<ArrayBuffer>;
    names: readonly { type: "dns" | "ip" | "url"; value: string }[];
    usage: ExtendedKeyUsage;
    nowMs: number;
    notAfterMs: number;
  }): Promise<IssuedCertificate> {
    const notAfter = new Date(options.notAfterMs);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: newSerialNumber(),
      subject: options.subject,
      issuer: CA_NAME,
      notBefore: new Date(options.nowMs - BACKDATED_MS),
      notAfter,
      publicKey: options.publicKey,
      signingKey: this.#signingKey,
      signingAlgorithm: ECDSA_P256,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([options.usage]),
        new SubjectAlternativeNameExtension([...options.names]),
      ],
    });
    return { pem: `${certificate.toString("pem")}\n`, notAfterMs: Math.floor(notAfter.getTime() / 1_000) * 1_000 };
  }
}

/** A new P-256 private key, PKCS#8 PEM. */
export function newKeyPem(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    format: "pem",
    type: "pkcs8",
  }) as string;
}
