import { sign, webcrypto, KeyObject } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAgentCertificate, readCertificateRequest } from "./agent-certificate.ts";
import { identityUris, parseIdentityUris } from "./agent-identity.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import { CertificateAuthority, newKeyPem } from "./certificate-authority.ts";
import { ECDSA_P256, Pkcs10CertificateRequestGenerator } from "./x509.ts";

const NOW_MS = Date.parse("2026-11-21T00:00:00Z");
const HOUR_MS = 60 * 60_000;
const ed25519 = { name: "Ed25519" };

const identity: AgentIdentity = {
  clusterId: "c-abcdefghij",
  name: "prod-1",
  labels: { env: "prod", "example.com/region": "eu" },
  sealPublicKey: Buffer.alloc(32, 7).toString("base64"),
  kubeSystemUid: "0b7c52c5-6a62-4d1c-a29c-5bd1d4b1ab0f",
  tokenId: "t-1",
};

async function newAuthority(): Promise<CertificateAuthority> {
  const keyPem = newKeyPem();
  return CertificateAuthority.load({ keyPem, certificatePem: await CertificateAuthority.selfSign(keyPem, NOW_MS) });
}

async function newRequest(algorithm: { name: string; namedCurve?: string; hash?: string } = ed25519) {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=somebody else",
    keys,
    signingAlgorithm: algorithm,
  });
  return { pem: request.toString("pem"), privateKey: KeyObject.from(keys.privateKey) };
}

describe("an agent's certificate", () => {
  test.each([ed25519, ECDSA_P256])(
    "says who the agent is, whatever the request asked for ($name)",
    async (algorithm) => {
      const ca = await newAuthority();
      const request = await newRequest(algorithm);
      const key = await readCertificateRequest(request.pem);
      const { pem, notAfterMs } = await ca.issueAgent({
        identity,
        publicKey: key.publicKey,
        nowMs: NOW_MS,
        validMs: 24 * HOUR_MS,
      });
      const read = readAgentCertificate(pem, ca.certificatePem);
      expect(read).toMatchObject({ identity, fingerprint: key.fingerprint, notAfterMs });
      expect(notAfterMs).toBe(NOW_MS + 24 * HOUR_MS);

      const digest = algorithm === ed25519 ? null : "sha256";
      expect(read.hasSigned("text", sign(digest, Buffer.from("text"), request.privateKey))).toBe(true);
      expect(read.hasSigned("other", sign(digest, Buffer.from("text"), request.privateKey))).toBe(false);
    },
  );

  test("S6: one of another authority, or the hub's own, is not an agent's", async () => {
    const ca = await newAuthority();
    const other = await newAuthority();
    const { publicKey } = await readCertificateRequest((await newRequest()).pem);
    const foreign = await other.issueAgent({ identity, publicKey, nowMs: NOW_MS, validMs: HOUR_MS });
    const server = await ca.issueServer({ keyPem: newKeyPem(), hosts: ["localhost"], nowMs: NOW_MS });
    for (const pem of [foreign.pem, server.pem, ca.certificatePem, "no certificate"]) {
      expect(() => readAgentCertificate(pem, ca.certificatePem)).toThrow(
        expect.objectContaining({ code: "bad-certificate" }),
      );
    }
  });

  test("identities survive being written as URIs, whatever their text", () => {
    const text = fc.string({ unit: "grapheme" });
    const anyIdentity = fc.record({
      clusterId: text,
      name: text,
      labels: fc.dictionary(text, text).map((labels) => ({ ...labels })),
      sealPublicKey: text,
      kubeSystemUid: text,
      tokenId: text,
    });
    fc.assert(
      fc.property(anyIdentity, (one) => {
        expect(parseIdentityUris(identityUris(one))).toEqual(one);
      }),
    );
  });
});

describe("a certificate request", () => {
  test("is refused when it is none, for another type of key, or not signed by its own key", async () => {
    const refused = expect.objectContaining({ code: "bad-request" });
    await expect(readCertificateRequest("nothing of the kind")).rejects.toEqual(refused);
    await expect(readCertificateRequest("x".repeat(20_000))).rejects.toEqual(refused);
    const p384 = await newRequest({ ...ECDSA_P256, namedCurve: "P-384" });
    await expect(readCertificateRequest(p384.pem)).rejects.toEqual(refused);

    const { pem } = await newRequest();
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    await expect(readCertificateRequest(forged)).rejects.toEqual(refused);
  });
});
