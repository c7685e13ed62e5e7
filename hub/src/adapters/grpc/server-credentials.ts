import { experimental } from "@grpc/grpc-js";
import type { ServerCredentials } from "@grpc/grpc-js";
import type { TlsPair } from "../../identity/server-certificate.ts";

type IdentityListener = (update: { certificate: Buffer; privateKey: Buffer } | null) => void;
type CaListener = (update: { caCertificate: Buffer } | null) => void;

/**
 * Server credentials that ask for a client certificate and take a connection without one: joining agents and people have
 * none. Whoever needs one looks at the call's auth context, which has it only if our CA signed it. The server's own
 * certificate can be changed while it serves.
 */
export class HubServerCredentials {
  readonly credentials: ServerCredentials;
  readonly #ca: Buffer;
  readonly #identityListeners = new Set<IdentityListener>();
  #pair: TlsPair;

  constructor(caPem: string, pair: TlsPair) {
    this.#ca = Buffer.from(caPem);
    this.#pair = pair;
    // grpc-js adds whoever waits for a certificate only after it has added its own listeners: told at once, it would miss it.
    const provider = {
      addCaCertificateListener: (listener: CaListener) => {
        queueMicrotask(() => listener({ caCertificate: this.#ca }));
      },
      // The CA never changes, so nobody is told again.
      removeCaCertificateListener: () => undefined,
      addIdentityCertificateListener: (listener: IdentityListener) => {
        this.#identityListeners.add(listener);
        queueMicrotask(() => this.#tell(listener));
      },
      removeIdentityCertificateListener: (listener: IdentityListener) => {
        this.#identityListeners.delete(listener);
      },
    };
    // Identity provider, CA provider, whether a client certificate is required.
    this.credentials = experimental.createCertificateProviderServerCredentials(provider, provider, false);
  }

  /** For connections from now on. */
  useCertificate(pair: TlsPair): void {
    this.#pair = pair;
    for (const listener of this.#identityListeners) this.#tell(listener);
  }

  #tell(listener: IdentityListener): void {
    listener({ certificate: Buffer.from(this.#pair.certificatePem), privateKey: Buffer.from(this.#pair.keyPem) });
  }
}
