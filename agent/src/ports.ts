/**
 * What the agent's loop needs of the outside, as small interfaces; adapters/ implement them and main composes.
 */
import type { AppSettings } from "@axle/core/fleet/app.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { DeletionApproval, DeletionHold, PackRef, SliceEnvelope, SliceNumber } from "@axle/core/slice/slice.ts";
import type { AgentStep, AppReport } from "@axle/core/status/report.ts";

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
}

export interface DesiredApp {
  readonly name: string;
  readonly revision: number;
  readonly commit: string;
  readonly objects: readonly KubeObject[];
  readonly settings: AppSettings;
  readonly held?: string;
}

/** Makes the cluster match. Implemented by reconcile.ts over adapters/kube. */
export interface Reconciler {
  /**
   * One pass: every app applied (or failed, by itself), health waited for, one prune pass, inventories written.
   * Returns when done; the signal pre-empts it at any point without harm (a newer slice arrived, or the agent stops).
   * Throws only what makes the whole pass impossible (API server away).
   */
  reconcile(desired: DesiredState, signal: AbortSignal): Promise<ReconcileOutcome>;
  /** The highest number accepted so far, from the cluster; undefined on a new cluster. */
  readAccepted(signal: AbortSignal): Promise<SliceNumber | undefined>;
  /** Persists the number in the cluster before anything of the slice is applied (S1). */
  writeAccepted(number: SliceNumber, signal: AbortSignal): Promise<void>;
  /** Watches what we own: corrects drift and tells `ReconcileEvents` of health. Runs until stopped. */
  watch(signal: AbortSignal): Promise<void>;
  /** The full comparison by dry-run, for what neither watches nor field ownership show. What differs is drift. */
  verifyAll(signal: AbortSignal): Promise<void>;
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
