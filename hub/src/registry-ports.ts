/**
 * What any replica of the hub reads and writes beside the leader's stream: registrations, join tokens, last reports.
 * Compare-and-set per key. Implemented over JetStream KV in adapters/nats.
 */
import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { SliceLeaving, SliceNumber } from "@axle/core/slice/slice.ts";
import type { AgentStep, AppReport, LeftReport, StepTimes } from "@axle/core/status/report.ts";

/** A small typed table with compare-and-set. Keys are DNS labels or ids. */
export interface KeyedStore<T> {
  get(key: string, signal: AbortSignal): Promise<Versioned<T> | undefined>;
  /** Every entry, read whole. */
  list(signal: AbortSignal): Promise<ReadonlyMap<string, Versioned<T>>>;
  /** Throws StoreError "exists" when the key has a value. */
  create(key: string, value: T, signal: AbortSignal): Promise<number>;
  /** Throws StoreError "conflict" when the entry is no longer at `revision`. */
  update(key: string, change: { value: T; revision: number }, signal: AbortSignal): Promise<number>;
  /** Last write wins; for values with one writer. */
  put(key: string, value: T, signal: AbortSignal): Promise<number>;
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** Every entry as it stands, then each change; `value` undefined is a deletion. Ends with the signal. */
  watch(signal: AbortSignal): AsyncIterable<{ key: string; value: T | undefined }>;
}

export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

/** Key: cluster id. */
export interface Registration {
  readonly id: string;
  readonly name: string;
  /** What the join token granted. Files in the repository add to it. */
  readonly labels: Readonly<Record<string, string>>;
  /** SHA-256 of the agent's public key (SPKI), hex: the identity. */
  readonly keyFingerprint: string;
  /** X25519, 32 bytes, base64. */
  readonly sealPublicKey: string;
  readonly kubeSystemUid: string;
  readonly tokenId: string;
  readonly state: "pending" | "active" | "revoked";
  /** While pending: what a person has to decide, in words. */
  readonly waitsFor?: string;
  /** While pending: id of the cluster whose name or kube-system UID it has, with another key. Its key is replaced on a yes. */
  readonly replaces?: string;
  readonly joinedAtMs: number;
  readonly agentVersion: string;
  readonly facts: ClusterFacts;
  /** The name its agent asks for, where it took the place of a cluster with another. */
  readonly askedAs?: string;
  /** While active: it was told to leave the fleet and has not left. */
  readonly leaving?: Leaving;
  /** While active: two agents answered with its key; nobody is served until a person says which. */
  readonly hold?: { readonly atMs: number; readonly reason: string };
  /** Credentials for NATS that were issued until then count no more. */
  readonly credentialsVoidMs?: number;
  /** While revoked: who cut it off. */
  readonly revoked?: { readonly atMs: number; readonly by: string };
  /** Revoked for good: it is no cluster of the fleet any more, and only its key is remembered, so that it stays cut off. */
  readonly forgotten?: { readonly atMs: number; readonly by: string; readonly what: string };
}

/** An order to leave, as the slice carries it, and whose it is. */
export interface Leaving extends SliceLeaving {
  readonly atMs: number;
  readonly by: string;
}

/** Keys `key-<fingerprint>`, `name-<name>`, `uid-<digest>`: whoever creates the entry first has it, whatever the replica. */
export interface Claim {
  readonly clusterId: string;
  readonly atMs: number;
}

/** Key: token id. */
export interface JoinToken {
  readonly id: string;
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A name, or a pattern with `*`. */
  readonly namePattern: string;
  readonly usesLeft: number;
  /** Fingerprints of the keys that used it: the same key again is no new use. */
  readonly usedBy: readonly string[];
  readonly expiresAtMs: number;
  readonly manualApproval: boolean;
  readonly createdAtMs: number;
}

/** Key: cluster id. The last report, whole. */
export interface ClusterStatus {
  readonly incarnation: number;
  /** Number of the last report within the incarnation. */
  readonly reportNumber: number;
  readonly heardAtMs: number;
  readonly online: boolean;
  /** When it came online or went offline. */
  readonly sinceMs: number;
  readonly accepted: SliceNumber | undefined;
  /** The newest slice every app of which was reported applied. */
  readonly applied: SliceNumber | undefined;
  readonly refusal: string;
  readonly apps: Readonly<Record<string, AppReport>>;
  /** Newest number first, bounded: when the agent took each step. */
  readonly timings: readonly StepTimes<AgentStep>[];
  /** It left the fleet, as far as it says. */
  readonly left?: LeftReport;
}
