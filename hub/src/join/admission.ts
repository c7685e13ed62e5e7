import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../api/call-error.ts";
import type { KeyedStore, Registration } from "../registry-ports.ts";
import { changeRegistration } from "./change-registration.ts";
import { keyClaim, nameClaim, uidClaim } from "./claim-book.ts";
import type { ClaimBook } from "./claim-book.ts";
import { voidFrom } from "./departure-rules.ts";
import type { AuditLog } from "./ports.ts";

export interface AdmissionOptions {
  readonly clusters: KeyedStore<Registration>;
  readonly claims: ClaimBook;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly log: Logger;
}

/** Carries out a person's yes to a cluster that waits. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * A new cluster becomes active. One that replaces another gives its key to the other's registration, whose id stays:
   * marks and inventories in the cluster name that id. Throws {@link CallError}.
   */
  async admit(wanted: string, actor: string, signal: AbortSignal): Promise<Registration> {
    const { audit, now, log } = this.#options;
    const pending = await this.#find(wanted, signal);
    const admitted =
      pending.replaces === undefined
        ? await this.#activate(pending, signal)
        : await this.#replace(pending, pending.replaces, signal);
    log.info({ cluster: admitted.name, id: admitted.id, actor }, "cluster admitted");
    const action = pending.replaces === undefined ? "cluster.admit" : "cluster.replace";
    const detail = `key ${pending.keyFingerprint.slice(0, 16)}`;
    await audit.record({ atMs: now(), actor, action, subject: admitted.name, detail }, signal);
    return admitted;
  }

  async #find(wanted: string, signal: AbortSignal): Promise<Registration> {
    const all = [...(await this.#options.clusters.list(signal)).values()].map(({ value }) => value);
    const waiting = all.filter(({ state, id, name }) => state === "pending" && (id === wanted || name === wanted));
    const [first, second] = waiting;
    if (first === undefined) throw new CallError("not-found", `no cluster "${wanted}" waits to be admitted`);
    if (second !== undefined) {
      const ids = waiting.map(({ id }) => id).join(", ");
      throw new CallError(
        "failed-precondition",
        `several clusters named "${wanted}" wait: say which by its id (${ids})`,
      );
    }
    return first;
  }

  async #activate(pending: Registration, signal: AbortSignal): Promise<Registration> {
    const { claims } = this.#options;
    const wanted = [nameClaim(pending.name), uidClaim(pending.kubeSystemUid)].filter((claim) => claim !== undefined);
    for (const claim of wanted) {
      if ((await claims.take(claim, pending.id, signal)) === pending.id) continue;
      throw takenMeanwhile(pending);
    }
    return this.#update(pending.id, signal, (registration) => {
      if (registration.state === "revoked") throw turnedAway(pending);
      return { ...registration, state: "active" };
    });
  }

  async #replace(pending: Registration, replacedId: string, signal: AbortSignal): Promise<Registration> {
    const { claims, clusters } = this.#options;
    const before = (await clusters.get(replacedId, signal))?.value;
    if (before === undefined || before.forgotten !== undefined) {
      throw new CallError(
        "failed-precondition",
        `the cluster it would replace is no cluster of the fleet any more; forget this one (${pending.id}) and let it join anew`,
      );
    }
    const { keyFingerprint, sealPublicKey, kubeSystemUid, tokenId, agentVersion, facts } = pending;
    const taken = { keyFingerprint, sealPublicKey, kubeSystemUid, tokenId, agentVersion, facts };
    // What the former agent was given counts no more, and what it was told to do or waits for is not its successor's.
    const credentialsVoidMs = voidFrom(this.#options.now());
    const waiting = await clusters.get(pending.id, signal);
    if (waiting?.value.state === "revoked") throw turnedAway(pending);
    const admitted = await this.#update(replacedId, signal, (registration) => {
      // Of two that wait for one place the second person is told that it is taken.
      if (registration.keyFingerprint !== before.keyFingerprint) throw takenMeanwhile(pending);
      const { leaving: _leaving, hold: _hold, revoked: _revoked, askedAs: _askedAs, ...rest } = registration;
      const askedAs = pending.name === rest.name ? {} : { askedAs: pending.name };
      return { ...rest, ...taken, ...askedAs, credentialsVoidMs, state: "active" };
    });
    await claims.assign(keyClaim(keyFingerprint), replacedId, signal);
    const uid = uidClaim(kubeSystemUid);
    if (uid !== undefined) await claims.assign(uid, replacedId, signal);
    if (before.keyFingerprint !== keyFingerprint) {
      await claims.release(keyClaim(before.keyFingerprint), replacedId, signal);
    }
    await clusters.delete(pending.id, signal);
    return admitted;
  }

  async #update(
    id: string,
    signal: AbortSignal,
    change: (registration: Registration) => Registration,
  ): Promise<Registration> {
    return (await changeRegistration(this.#options.clusters, { id, signal }, change)).registration;
  }
}

function takenMeanwhile({ name }: Registration): CallError {
  return new CallError("failed-precondition", `another cluster has taken the place of "${name}" meanwhile`);
}

function turnedAway({ name }: Registration): CallError {
  return new CallError("failed-precondition", `"${name}" was turned away meanwhile; it has to join anew`);
}
