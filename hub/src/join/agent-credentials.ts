import type { KeySet } from "@axle/core/session/key-set.ts";
import type { NatsAccess, Registered } from "@axle/core/session/messages.ts";
import { CallError } from "../api/call-error.ts";
import { readCertificateRequest } from "../identity/agent-certificate.ts";
import type { RequestedKey } from "../identity/agent-certificate.ts";
import type { CertificateAuthority } from "../identity/certificate-authority.ts";
import { IdentityError } from "../identity/identity-error.ts";
import type { Registration } from "../registry-ports.ts";
import type { NatsAccessIssuer } from "./ports.ts";

export interface AgentCredentialsOptions {
  readonly ca: CertificateAuthority;
  readonly keySet: KeySet;
  readonly natsAccess: NatsAccessIssuer;
  /** `host:port` agents reach the hub's sessions by. */
  readonly sessionAddress: () => string;
  /** How long an agent's certificate is valid. */
  readonly certificateValidMs?: number;
  readonly now: () => number;
}

/** What a registered agent gets: a certificate, access to NATS, and the key set. */
export class AgentCredentials {
  readonly keySet: KeySet;
  readonly caPem: string;
  readonly #options: AgentCredentialsOptions;

  constructor(options: AgentCredentialsOptions) {
    this.#options = options;
    this.keySet = options.keySet;
    this.caPem = options.ca.certificatePem;
  }

  /** Everything, for an agent that joins or comes back. */
  async issueAll(
    registration: Registration,
    publicKey: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Registered> {
    return {
      clusterId: registration.id,
      name: registration.name,
      certificatePem: await this.#certify(registration, publicKey),
      caPem: this.caPem,
      sessionAddress: this.#options.sessionAddress(),
      nats: await this.issueNats(registration, signal),
      keySet: this.keySet,
    };
  }

  issueNats(registration: Registration, signal: AbortSignal): Promise<NatsAccess> {
    return this.#options.natsAccess.issue(registration, signal);
  }

  /** A new certificate for the key the registration is bound to. Throws {@link CallError} for any other key. */
  async renewCertificate(registration: Registration, csrPem: string): Promise<string> {
    const key = await readRequest(csrPem);
    checkSameKey(registration, key);
    return this.#certify(registration, key.publicKey);
  }

  async #certify(registration: Registration, publicKey: Uint8Array<ArrayBuffer>): Promise<string> {
    const { id, name, labels, sealPublicKey, kubeSystemUid, tokenId } = registration;
    const { pem } = await this.#options.ca.issueAgent({
      identity: { clusterId: id, name, labels, sealPublicKey, kubeSystemUid, tokenId },
      publicKey,
      nowMs: this.#options.now(),
      validMs: this.#options.certificateValidMs ?? 24 * 60 * 60_000,
    });
    return pem;
  }
}

/** Throws {@link CallError} `invalid-argument`. */
export async function readRequest(csrPem: string): Promise<RequestedKey> {
  try {
    return await readCertificateRequest(csrPem);
  } catch (error) {
    if (error instanceof IdentityError) throw new CallError("invalid-argument", error.message, { cause: error });
    throw error;
  }
}

export function checkSameKey(registration: Registration, key: RequestedKey): void {
  if (registration.keyFingerprint === key.fingerprint) return;
  throw new CallError(
    "permission-denied",
    `cluster "${registration.name}" is bound to another key; an agent with a new key has to join with a token`,
  );
}
