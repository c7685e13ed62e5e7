/**
 * What the agent's loop needs of the outside, as small interfaces; adapters/ implement them and main composes.
 */
import type { AppSettings } from "@axle/core/fleet/app.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type {
  DeletionApproval,
  DeletionHold,
  PackRef,
  SliceEnvelope,
  SliceLeaving,
  SliceNumber,
} from "@axle/core/slice/slice.ts";
import type { AgentStep, AppReport, LeftReport } from "@axle/core/status/report.ts";

/** Slices and packs, read from NATS. Implemented by adapters/nats. Throws SourceError, and SliceError for what is no slice. */
export interface SliceSource {
  /** A ring says "read again, at least up to this stream sequence"; also yields once on every (re)connect, with sequence 0. Coalesced. */
  rings(signal: AbortSignal): AsyncIterable<Ring>;
  /** The newest slice, read until it is at least `atLeastSequence`; undefined when there is none for this cluster yet. */
  readSlice(
    atLeastSequence: number,
    signal: AbortSignal,
  ): Promise<{ envelope: SliceEnvelope; sequence: number } | undefined>;
  /** The encrypted bytes, not yet checked. */
  readPack(ref: PackRef, signal: AbortSignal): Promise<Uint8Array>;
}

export interface Ring {
  readonly sequence: number;
  readonly atMs: number;
}

/** A verified, decrypted, substituted slice: what the reconciler works from. */
export interface DesiredState {
  readonly number: SliceNumber;
  /** In dependency order. */
  readonly apps: readonly DesiredApp[];
  readonly approvals: readonly DeletionApproval[];
  readonly deletionHolds: readonly DeletionHold[];
  /** The cluster leaves the fleet: then `apps` is empty, and means nothing. */
  readonly leaving?: LeavingOrder;
}

/** A person's word that this cluster leaves the fleet. */
export interface LeavingOrder extends SliceLeaving {
  /** Of the slice, in dependency order: what depends on another goes before it. */
  readonly apps: readonly { readonly name: string; readonly dependsOn: readonly string[] }[];
}

export interface DesiredApp {
  readonly name: string;
  readonly revision: number;
  readonly commit: string;
  readonly objects: readonly KubeObject[];
  readonly settings: AppSettings;
  readonly held?: string;
  /**
   * Packs of the app that could not be read. Then nothing of it is applied, `objects` are those of the slice before (what is
   * applied of them is kept as it is), and nothing is deleted in the whole cluster: such a pack could have any object (S2).
   */
  readonly unreadable?: readonly UnreadablePack[];
}

export interface UnreadablePack {
  readonly digest: string;
  /** In words, naming the pack; no secrets in it. */
  readonly reason: string;
}

/** Makes the cluster match. Implemented by reconcile.ts over adapters/kube. */
export interface Reconciler {
  /**
   * One pass: every app applied (or failed, by itself), health waited for, one prune pass, inventories written.
   * Returns when done; the signal pre-empts it at any point without harm (a newer slice arrived, or the agent stops).
   * Throws only what makes the whole pass impossible (API server away).
   */
  reconcile(desired: DesiredState, signal: AbortSignal, asked?: SyncRequest): Promise<ReconcileOutcome>;
  /** The highest number accepted so far, from the cluster; undefined on a new cluster. */
  readAccepted(signal: AbortSignal): Promise<SliceNumber | undefined>;
  /**
   * Persists the number in the cluster before anything of the slice is applied (S1). Accepted is a slice that was verified, whether
   * or not all of its packs can be read: from then on no older one is, also after a restart.
   */
  writeAccepted(number: SliceNumber, signal: AbortSignal): Promise<void>;
  /** Watches what we own: corrects drift and tells `ReconcileEvents` of health. Runs until stopped. */
  watch(signal: AbortSignal): Promise<void>;
  /** The full comparison by dry-run, for what neither watches nor field ownership show. What differs is drift. */
  verifyAll(signal: AbortSignal): Promise<void>;
}

/** Somebody wants apps looked at now. */
export interface SyncRequest {
  /** All of their objects are compared with the server, whatever watches say. */
  readonly apps: ReadonlySet<string>;
  /** The other apps stay as the pass before left them; only where there was one, for this very slice, that ended. */
  readonly only: boolean;
}

export interface ReconcileOutcome {
  /** Every app applied. */
  readonly applied: boolean;
  /** Apps that want another try, with backoff. */
  readonly retry: readonly string[];
}

/** What the reconciler tells as it happens; the agent turns it into reports. */
export interface ReconcileEvents {
  app(report: AppReport): void;
  appGone(app: string): void;
  step(number: SliceNumber, step: AgentStep, atMs: number): void;
  /** The cluster has left as it was told: nothing in it is ours any more. */
  left(report: LeftReport): void;
}

/** Encrypted packs by digest, kept near. Best effort: what it lost is fetched again, what it cannot keep is no error. */
export interface PackCache {
  readPack(digest: string): Promise<Uint8Array | undefined>;
  /** Returns at once; written behind. */
  keepPack(digest: string, data: Uint8Array): void;
}

/** The packs and the last accepted slice. Implemented by adapters/disk. */
export interface SliceCache extends PackCache {
  /** The envelope as JSON. */
  readSlice(): Promise<string | undefined>;
  keepSlice(text: string): void;
}

/** The hub, as far as the loop needs it. Implemented by adapters/grpc over the session stream. */
export interface HubSession {
  /** The report book holds something new. */
  changed(): void;
  /** Now on the hub's clock, as far as it is known: what deadlines set by the hub go by. */
  hubNowMs(): number;
}
