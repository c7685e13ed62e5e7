import type { AppSettings } from "../fleet/app.ts";
import type { Place } from "../fleet/problem.ts";
import type { Substitutions } from "../slice/slice.ts";

/** How the hub finds a rendered pack again. The key of a pack is derived from the hub's master key and `keyId`, never stored. */
export interface PackHandle {
  /** SHA-256 of the encrypted pack, hex. */
  readonly digest: string;
  /** Keyed digest of the plain content, hex. */
  readonly keyId: string;
  readonly size: number;
  readonly chunks: number;
  /** How many objects. */
  readonly objects: number;
}

/** What the hub keeps of an app (`app.<app>`): the revision its clusters should be on. */
export interface AppRecord {
  readonly app: string;
  readonly revision: number;
  readonly commit: string;
  readonly settings: AppSettings;
  readonly declaredAt: Place;
  readonly packs: readonly PackHandle[];
  /** By cluster id. */
  readonly targets: Readonly<Record<string, RecordTarget>>;
  /** Why the app stays at this revision although the accepted commit is newer. */
  readonly held?: string;
  /**
   * While held: ids of clusters the app is meant for and does not stand on yet. Their slices name it as held, so that
   * nothing is pruned there that it may be about to take over (S2). Absent when there are none.
   */
  readonly awaiting?: readonly string[];
  /** S4, hub's side: clusters that left the app and whose deletion waits, with the reason. */
  readonly deletionHolds: Readonly<Record<string, string>>;
  /** Newest first, bounded. */
  readonly history: readonly { readonly revision: number; readonly commit: string; readonly atMs: number }[];
}

export interface RecordTarget {
  /** Index into `packs`. */
  readonly pack: number;
  readonly substitutions: Substitutions;
  /** For objects that name none, where it is not the same on all clusters. */
  readonly namespace?: string;
  /**
   * The revision, and its commit, at which what this cluster gets last changed: it stays when the app moves on elsewhere,
   * so that such a commit publishes nothing here. Absent: those of the record.
   */
  readonly revision?: number;
  readonly commit?: string;
}
