import { readFile } from "node:fs/promises";
import { KubeError } from "./kube-error.ts";

/** Where the API server is and how to be let in. `credentials` is asked before each request and must be cheap. */
export interface KubeAccess {
  readonly server: URL;
  /** The server's CA, PEM; undefined for the system's. */
  readonly ca: string | undefined;
  readonly skipTlsVerify: boolean;
  /** Name to check the certificate against when it is not the server's. */
  readonly tlsServerName: string | undefined;
  /** `renew` is set after the server answered 401: whatever was cached must be fetched again. */
  credentials(options: { readonly renew: boolean }): Promise<KubeCredentials>;
}

/** An equal `identity` means the same TLS client identity, so connections can be kept. */
export interface KubeCredentials {
  readonly authorization?: string;
  readonly cert?: string;
  readonly key?: string;
}

const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
/** The kubelet rotates the token in its file well before it expires. */
const TOKEN_AGE_MS = 60_000;

export interface InClusterOptions {
  readonly host: string;
  readonly port: string;
  readonly folder?: string;
  readonly now?: () => number;
}

/** As a pod: the service account's CA and token are two files; the token is read again each minute. */
export async function inClusterAccess(options: InClusterOptions): Promise<KubeAccess> {
  const { host, port, folder = SERVICE_ACCOUNT_FOLDER, now = Date.now } = options;
  const ca = await readText(`${folder}/ca.crt`);
  let held: { readonly token: string; readonly atMs: number } | undefined;
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    ca,
    skipTlsVerify: false,
    tlsServerName: undefined,
    async credentials({ renew }) {
      if (held === undefined || renew || now() - held.atMs > TOKEN_AGE_MS) {
        held = { token: (await readText(`${folder}/token`)).trim(), atMs: now() };
      }
      return { authorization: `Bearer ${held.token}` };
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KubeError("credentials", `cannot read ${path}`, { cause });
  }
}
