import type { AppSettings } from "../fleet/app.ts";
import type { KubeObject, ObjectId } from "../manifest/object.ts";

/** Formats of {@link SliceBody} the hub can write and agents declare in their hello. 1: first. */
export const SLICE_FORMAT = 1;

/** Numbers a cluster's slices; compared by epoch first. A restored backup of the hub starts a new epoch. */
export interface SliceNumber {
  readonly epoch: number;
  readonly n: number;
}

/** What one cluster should run. The body travels sealed to the cluster's key inside a {@link SliceEnvelope}. */
export interface SliceBody {
  readonly format: typeof SLICE_FORMAT;
  /** Id of the cluster it is for. */
  readonly cluster: string;
  readonly number: SliceNumber;
  /** In dependency order, ties by name. */
  readonly apps: readonly SliceApp[];
  readonly approvals: readonly DeletionApproval[];
  /** Apps whose deletions in this cluster the hub holds (S4): the agent keeps their objects until an approval matches. */
  readonly deletionHolds: readonly DeletionHold[];
  /**
   * Set while the cluster is to leave the fleet: then nothing else in the body is acted on. The apps stand in it all the
   * same, so that an agent too old to know this field goes on with them instead of pruning them.
   */
  readonly leaving?: SliceLeaving;
}

/** A person's word that a cluster leaves. */
export interface SliceLeaving {
  /** `keep`: everything stays as it runs, without our marks. `delete`: everything the agent owns goes first. */
  readonly mode: LeavingMode;
  /** Of this order, to be used once. */
  readonly id: string;
  /** S4: the yes to deleting everything this agent owns ends here, unless it began before. Milliseconds since 1970, hub's clock. */
  readonly expiresAtMs: number;
}

export const LEAVING_MODES = ["keep", "delete"] as const;
export type LeavingMode = (typeof LEAVING_MODES)[number];

export interface SliceApp {
  readonly name: string;
  readonly revision: number;
  /** The commit the packs come from. */
  readonly commit: string;
  readonly packs: readonly PackRef[];
  /** Values for `${NAME}` in the packs, for the names the App declares; replaced by the agent. */
  readonly substitutions: Substitutions;
  readonly settings: AppSettings;
  /** Set while the app stays at an older revision than the accepted commit, with the reason. No prune runs in the cluster meanwhile (S2). */
  readonly held?: string;
}

/** By name, each of the type it has in the Cluster file. */
export type Substitutions = Readonly<Record<string, string | number | boolean>>;

/** Where a pack is and how to open it. */
export interface PackRef {
  /** SHA-256 of the encrypted pack, hex: its address and its integrity. */
  readonly digest: string;
  /** AES-256-GCM key, base64. Unique to the content, so the nonce is fixed. */
  readonly key: string;
  /** Bytes of the encrypted pack. */
  readonly size: number;
  readonly chunks: number;
}

/** The plain content of a pack, as canonical JSON, compressed before it is encrypted. */
export interface Pack {
  readonly format: typeof SLICE_FORMAT;
  readonly objects: readonly KubeObject[];
  /** For those of the objects that SOPS encrypted; absent when there are none. */
  readonly originals?: readonly SealedOriginal[];
}

/**
 * A document that SOPS encrypted, byte for byte as it stands in the repository: its checksum is over the whole of it, so
 * what is opened in the cluster is this, and what is applied the rendered objects with the opened values.
 */
export interface SealedOriginal {
  readonly file: string;
  /** YAML or JSON; several documents where they were encrypted together. */
  readonly text: string;
  /** The objects that were rendered from it. */
  readonly objects: readonly ObjectId[];
}

/** One person's yes to exactly one deletion set. */
export interface DeletionApproval {
  readonly id: string;
  readonly app: string;
  /** {@link deletionSetHash} of what may be deleted, see guard/deletion-set.ts. */
  readonly hash: string;
  /** Milliseconds since 1970, hub's clock. */
  readonly expiresAtMs: number;
}

export interface DeletionHold {
  readonly app: string;
  readonly reason: string;
}

/** What stands on the stream: signed, and readable by one cluster only. Binary fields are base64. */
export interface SliceEnvelope {
  readonly format: typeof SLICE_FORMAT;
  readonly cluster: string;
  readonly number: SliceNumber;
  /** Which signing key of the key set. */
  readonly keyId: string;
  /** The body, deflated canonical JSON, sealed (X25519 + AES-256-GCM); bound to cluster and number as associated data. */
  readonly sealed: string;
  /** Ed25519 over {@link signedTextOf}. */
  readonly signature: string;
}

/** Negative when a is older than b. */
export function compareNumbers(a: SliceNumber, b: SliceNumber): number {
  return a.epoch === b.epoch ? a.n - b.n : a.epoch - b.epoch;
}

/** The text a slice's signature covers; the first line separates it from all else the key may sign. */
export function signedTextOf(envelope: Omit<SliceEnvelope, "signature">): string {
  const { format, cluster, number, keyId, sealed } = envelope;
  return `axle-slice-v1\n${format}\n${cluster}\n${number.epoch}.${number.n}\n${keyId}\n${sealed}`;
}

/** Associated data that binds a sealed body to its cluster and number. */
export function sealContextOf(envelope: Pick<SliceEnvelope, "cluster" | "number">): string {
  return `axle-slice-body-v1\n${envelope.cluster}\n${envelope.number.epoch}.${envelope.number.n}`;
}
