import "@abraham/reflection";
import { generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** The names a control plane's parts are known by. Each may do everything: what is tested is not who they are. */
const componentUsers = ["admin", "kube-controller-manager", "kube-scheduler", "kwok"] as const;
export type ComponentUser = (typeof componentUsers)[number];

/** Everything secret of one test cluster, made fresh for it. */
export interface KubeIdentity {
  readonly caPem: string;
  readonly servingCertificatePem: string;
  readonly servingKeyPem: string;
  readonly serviceAccountKeyPem: string;
  readonly tokens: Readonly<Record<ComponentUser, string>>;
  /** The API server's `--token-auth-file`. */
  readonly tokenFile: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;

/** Makes a certificate authority, a serving certificate for loopback, a service account key and a token for each user. */
export async function createKubeIdentity(): Promise<KubeIdentity> {
  const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + 30 * dayMs) };
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: "CN=axle test cluster CA",
    keys: caKeys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const serving = await createServingCertificate(ca, caKeys.privateKey, validity);
  const serviceAccountKey = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
  const tokens = {
    admin: token(),
    "kube-controller-manager": token(),
    "kube-scheduler": token(),
    kwok: token(),
  };
  return {
    caPem: ca.toString("pem"),
    ...serving,
    serviceAccountKeyPem: serviceAccountKey.privateKey,
    tokens,
    tokenFile: componentUsers.map((user) => `${tokens[user]},${user},${user},"system:masters"\n`).join(""),
  };
}

async function createServingCertificate(
  ca: X509Certificate,
  caKey: webcrypto.CryptoKey,
  validity: { notBefore: Date; notAfter: Date },
): Promise<Pick<KubeIdentity, "servingCertificatePem" | "servingKeyPem">> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=kube-apiserver",
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKey,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: "ip", value: "127.0.0.1" },
        { type: "dns", value: "localhost" },
        { type: "dns", value: "kubernetes.default.svc" },
      ]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = key.match(/.{1,64}/g) ?? [];
  return {
    servingCertificatePem: certificate.toString("pem"),
    servingKeyPem: ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
  };
}

function serialNumber(): string {
  // The first bit clear, or it would be a negative number.
  return `01${randomBytes(15).toString("hex")}`;
}

function token(): string {
  return randomBytes(24).toString("base64url");
}
