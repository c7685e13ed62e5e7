import type { Registered, RenewRequest } from "@axle/core/session/messages.ts";
import { renewText } from "@axle/core/session/messages.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../api/call-error.ts";
import { readAgentCertificate } from "../identity/agent-certificate.ts";
import type { ReadCertificate } from "../identity/agent-certificate.ts";
import { IdentityError } from "../identity/identity-error.ts";
import type { KeyedStore, Registration } from "../registry-ports.ts";
import { checkSameKey, readRequest } from "./agent-credentials.ts";
import type { AgentCredentials } from "./agent-credentials.ts";
import { keyClaim, nameClaim, uidClaim } from "./claim-book.ts";
import type { ClaimBook } from "./claim-book.ts";
import { barredBecause } from "./cluster-state.ts";
import type { AuditLog } from "./ports.ts";
import { isConflict } from "./store-conflict.ts";

export interface RenewalDeskOptions {
  readonly clusters: KeyedStore<Registration>;
  readonly claims: ClaimBook;
  readonly credentials: AgentCredentials;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly log: Logger;
}

/** Knows agents by their certificates, expired ones included, and rebuilds registrations that the store lost. */
export class RenewalDesk {
  readonly #options: RenewalDeskOptions;

  constructor(options: RenewalDeskOptions) {
    this.#options = options;
  }

  /** For an agent that was away past the end of its certificate: it proves its key by a signature. Throws {@link CallError}. */
  async renew(request: RenewRequest, from: string, signal: AbortSignal): Promise<Registered> {
    const certificate = this.#read(request.certificatePem);
    const signature = Buffer.from(request.signature, "base64");
    if (certificate.identity.clusterId !== request.clusterId || !certificate.hasSigned(renewText(request), signature)) {
      throw new CallError("unauthenticated", "the renewal is not signed by the key of that certificate");
    }
    const registration = await this.admit(certificate, from, signal);
    const key = await readRequest(request.csrPem);
    checkSameKey(registration, key);
    this.#options.log.info({ cluster: registration.name, from }, "certificate renewed after it expired");
    return this.#options.credentials.issueAll(registration, key.publicKey, signal);
  }

  /**
   * The active registration a certificate of ours stands for; rebuilt from the certificate when the store has none.
   * Throws {@link CallError} `permission-denied` when it was revoked or bound to a new key.
   */
  async admit(certificate: ReadCertificate, from: string, signal: AbortSignal): Promise<Registration> {
    const { identity, fingerprint } = certificate;
    const registration =
      (await this.#options.clusters.get(identity.clusterId, signal))?.value ??
      (await this.#rebuild(certificate, from, signal));
    if (registration.keyFingerprint !== fingerprint) {
      throw new CallError(
        "permission-denied",
        `cluster "${registration.name}" was replaced: this key is not its any more`,
      );
    }
    const barred = barredBecause(registration);
    if (barred !== undefined) throw new CallError("permission-denied", barred);
    return registration;
  }

  async #rebuild(certificate: ReadCertificate, from: string, signal: AbortSignal): Promise<Registration> {
    const { clusters, claims, audit, now, log } = this.#options;
    const { identity, fingerprint } = certificate;
    const id = identity.clusterId;
    const wanted = [keyClaim(fingerprint), nameClaim(identity.name), uidClaim(identity.kubeSystemUid)];
    for (const claim of wanted.filter((one) => one !== undefined)) {
      if ((await claims.take(claim, id, signal)) === id) continue;
      throw new CallError(
        "failed-precondition",
        `the hub lost the registration of "${identity.name}" and another cluster has its name or key now; join again with a token`,
      );
    }
    const registration: Registration = {
      id,
      name: identity.name,
      labels: identity.labels,
      keyFingerprint: fingerprint,
      sealPublicKey: identity.sealPublicKey,
      kubeSystemUid: identity.kubeSystemUid,
      tokenId: identity.tokenId,
      state: "active",
      joinedAtMs: now(),
      agentVersion: "",
      facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
    };
    try {
      await clusters.create(id, registration, signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      return (await clusters.get(id, signal))?.value ?? registration;
    }
    log.warn({ cluster: identity.name, id, from }, "registration rebuilt from the agent's certificate");
    const detail = `from ${from}, the store had no registration`;
    const entry = { atMs: now(), actor: `cluster:${id}`, action: "cluster.rebuild", subject: identity.name, detail };
    await audit.record(entry, signal);
    return registration;
  }

  #read(pem: string): ReadCertificate {
    try {
      return readAgentCertificate(pem, this.#options.credentials.caPem);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      throw new CallError("unauthenticated", error.message, { cause: error });
    }
  }
}
