import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createLoopbackCertificate } from "./loopback-certificate.ts";

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

/** Makes a certificate authority, a serving certificate for loopback, a service account key and a token for each user. */
export async function createKubeIdentity(): Promise<KubeIdentity> {
  const serving = await createLoopbackCertificate({ dnsNames: ["localhost", "kubernetes.default.svc"] });
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
    caPem: serving.caPem,
    servingCertificatePem: serving.certificatePem,
    servingKeyPem: serving.keyPem,
    serviceAccountKeyPem: serviceAccountKey.privateKey,
    tokens,
    tokenFile: componentUsers.map((user) => `${tokens[user]},${user},${user},"system:masters"\n`).join(""),
  };
}

function token(): string {
  return randomBytes(24).toString("base64url");
}
