import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { newKeyPem } from "./certificate-authority.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { KeyFolder } from "./key-folder.ts";

const RENEW_BEFORE_MS = 30 * 24 * 60 * 60_000;

export interface TlsPair {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Reachable from the hub's own machine under these, whatever else is configured. */
const OWN_HOSTS = ["localhost", "127.0.0.1", "::1"];

/**
 * The hub's server certificate. Issued anew when there is none, when the hosts are not covered any more, when it is within
 * 30 days of its end, or when it is not of this CA. The key stays.
 */
export async function readOrIssueServerCertificate(options: {
  folder: KeyFolder;
  ca: CertificateAuthority;
  hosts: readonly string[];
  nowMs: number;
}): Promise<TlsPair> {
  const { folder, ca, nowMs } = options;
  const hosts = [...new Set([...options.hosts, ...OWN_HOSTS])];
  const keyPem = await folder.readOrCreate("server.key", newKeyPem);
  const present = await folder.read("server.crt");
  if (present !== undefined && isUsable(present, { keyPem, caPem: ca.certificatePem, hosts, nowMs })) {
    return { keyPem, certificatePem: present };
  }
  const issued = await ca.issueServer({ keyPem, hosts, nowMs });
  await folder.replace("server.crt", issued.pem);
  return { keyPem, certificatePem: issued.pem };
}

function isUsable(
  pem: string,
  needs: { keyPem: string; caPem: string; hosts: readonly string[]; nowMs: number },
): boolean {
  try {
    const certificate = new X509Certificate(pem);
    const ca = new X509Certificate(needs.caPem);
    return (
      certificate.checkIssued(ca) &&
      certificate.verify(ca.publicKey) &&
      certificate.checkPrivateKey(createPrivateKey(needs.keyPem)) &&
      Date.parse(certificate.validTo) - needs.nowMs > RENEW_BEFORE_MS &&
      needs.hosts.every((host) => covers(certificate, host))
    );
  } catch {
    return false;
  }
}

function covers(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  return found !== undefined;
}
