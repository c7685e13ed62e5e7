import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { Claim, KeyedStore, Registration, Versioned } from "../registry-ports.ts";
import { isConflict } from "./store-conflict.ts";

/** A claim without a registration is one being made, or what a hub left that died while making it. */
const ABANDONED_AFTER_MS = 60_000;

export interface ClaimBookOptions {
  readonly claims: KeyedStore<Claim>;
  readonly clusters: KeyedStore<Registration>;
  readonly now: () => number;
}

/**
 * Keys, names and kube-system UIDs and the clusters they belong to. The store creates an entry for one writer only, so
 * two replicas never give the same name to two clusters.
 */
export class ClaimBook {
  readonly #options: ClaimBookOptions;

  constructor(options: ClaimBookOptions) {
    this.#options = options;
  }

  /** The registration that holds the claim; undefined when nobody does or it is abandoned. */
  async holderOf(key: string, signal: AbortSignal): Promise<Registration | undefined> {
    const claim = await this.#options.claims.get(key, signal);
    if (claim === undefined) return undefined;
    return (await this.#options.clusters.get(claim.value.clusterId, signal))?.value;
  }

  /** Takes the claim for a cluster unless another has it. Returns the id of the cluster that has it now. */
  async take(key: string, clusterId: string, signal: AbortSignal): Promise<string> {
    const { claims, now } = this.#options;
    const value: Claim = { clusterId, atMs: now() };
    try {
      await claims.create(key, value, signal);
      return clusterId;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    const present = await claims.get(key, signal);
    if (present === undefined) return this.take(key, clusterId, signal);
    if (present.value.clusterId === clusterId || !(await this.#isAbandoned(present, signal))) {
      return present.value.clusterId;
    }
    try {
      await claims.update(key, { value, revision: present.revision }, signal);
      return clusterId;
    } catch (error) {
      if (!isConflict(error)) throw error;
      return this.take(key, clusterId, signal);
    }
  }

  /** Gives the claim to a cluster, whoever had it. */
  async assign(key: string, clusterId: string, signal: AbortSignal): Promise<void> {
    await this.#options.claims.put(key, { clusterId, atMs: this.#options.now() }, signal);
  }

  /** Gives up a claim if the cluster has it. */
  async release(key: string, clusterId: string, signal: AbortSignal): Promise<void> {
    const present = await this.#options.claims.get(key, signal);
    if (present?.value.clusterId === clusterId) await this.#options.claims.delete(key, signal);
  }

  async #isAbandoned(claim: Versioned<Claim>, signal: AbortSignal): Promise<boolean> {
    const { clusters, now } = this.#options;
    if (now() - claim.value.atMs < ABANDONED_AFTER_MS) return false;
    return (await clusters.get(claim.value.clusterId, signal)) === undefined;
  }
}

export function keyClaim(keyFingerprint: string): string {
  return `key-${keyFingerprint}`;
}

export function nameClaim(name: string): string {
  return `name-${name}`;
}

/** Undefined when the agent could not tell the UID. */
export function uidClaim(kubeSystemUid: string): string | undefined {
  return kubeSystemUid === "" ? undefined : `uid-${sha256Hex(kubeSystemUid).slice(0, 40)}`;
}
