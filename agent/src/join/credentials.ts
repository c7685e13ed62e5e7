import { createPrivateKey, sign } from "node:crypto";
import type { KeySet } from "@axle/core/session/key-set.ts";
import { type NatsAccess, type Registered, type RenewRequest, renewText } from "@axle/core/session/messages.ts";
import type { RenewalTimes } from "@axle/core/session/agent-session.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { acceptKeySet } from "../slice/key-set.ts";
import { SliceError } from "../slice/slice-error.ts";
import { type IdentityStore, isExpired, type RegisteredIdentity, renewalTimesOf } from "./identity.ts";
import type { HubEndpoint, RegistrationApi } from "./ports.ts";

export interface CredentialsOptions {
  readonly store: IdentityStore;
  readonly connect: (endpoint: HubEndpoint) => RegistrationApi;
  /** Access to NATS changed. */
  readonly onNatsAccess: (access: NatsAccess) => void;
  readonly log: Logger;
  readonly now?: () => number;
}

/** What a hub gives in a session; what is absent stays as it was. */
export interface NewCredentials {
  /** "" when it stays. */
  readonly certificatePem: string;
  readonly nats: NatsAccess | undefined;
  readonly keySet: KeySet;
}

/** The agent's identity in use, renewed in memory first and in its store right after. */
export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #now: () => number;
  #identity: RegisteredIdentity;
  #saved: Promise<void> = Promise.resolve();

  constructor(identity: RegisteredIdentity, options: CredentialsOptions) {
    this.#identity = identity;
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  get identity(): RegisteredIdentity {
    return this.#identity;
  }

  get keySet(): KeySet {
    return this.#identity.registered.keySet;
  }

  /** Resolves when what was taken over is stored, or was given up. */
  settled(): Promise<void> {
    return this.#saved;
  }

  /** When to ask for the next ones, from now. */
  renewalTimes(): RenewalTimes {
    return renewalTimesOf(this.#identity.registered, this.#now());
  }

  /** Takes over what the hub gave. A key set the trusted root did not sign is left, the rest is taken. */
  async take(given: NewCredentials, signal: AbortSignal): Promise<void> {
    const before = this.#identity.registered;
    await this.#use(
      {
        ...before,
        certificatePem: given.certificatePem || before.certificatePem,
        nats: given.nats ?? before.nats,
        keySet: this.#acceptKeySet(before.keySet, given.keySet),
      },
      signal,
    );
  }

  /** Renews a certificate that expired while the agent was away, by proving its key. Throws what the registration API throws. */
  async ensureValid(signal: AbortSignal): Promise<void> {
    const { registered, keyPem, csrPem } = this.#identity;
    if (!isExpired(registered, this.#now())) return;
    const { clusterId, certificatePem, sessionAddress, caPem } = registered;
    const unsigned = { clusterId, certificatePem, csrPem, signedAtMs: this.#now() };
    const signature = sign(null, Buffer.from(renewText(unsigned), "utf8"), createPrivateKey(keyPem)).toString("base64");
    const request: RenewRequest = { ...unsigned, signature };
    const renewed = await this.#options.connect({ address: sessionAddress, caPem }).renew(request, signal);
    await this.#use({ ...renewed, keySet: this.#acceptKeySet(registered.keySet, renewed.keySet) }, signal);
    this.#options.log.info("certificate renewed after it had expired");
  }

  async #use(registered: Registered, signal: AbortSignal): Promise<void> {
    const before = this.#identity;
    if (JSON.stringify(registered) === JSON.stringify(before.registered)) return;
    const identity = { ...before, registered };
    this.#identity = identity;
    if (JSON.stringify(registered.nats) !== JSON.stringify(before.registered.nats)) {
      this.#options.onNatsAccess(registered.nats);
    }
    // In order, so that an older one never lands on a newer one; a failure loses nothing that cannot be renewed again.
    this.#saved = this.#saved.then(async () => {
      try {
        await this.#options.store.save(this.#identity, signal);
      } catch (error) {
        if (!signal.aborted) this.#options.log.warn({ error }, "renewed credentials could not be stored");
      }
    });
    await this.#saved;
  }

  #acceptKeySet(trusted: KeySet, offered: KeySet): KeySet {
    try {
      return acceptKeySet(trusted, offered);
    } catch (error) {
      if (!(error instanceof SliceError)) throw error;
      this.#options.log.error({ error }, "key set refused");
      return trusted;
    }
  }
}
