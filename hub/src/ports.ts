/**
 * What the hub's loop needs of the outside, as small interfaces; adapters/ implement them and main composes.
 * Every method that waits takes an AbortSignal; errors are typed at the adapter.
 */
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { WantedRef } from "@axle/core/fleet/source-requests.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { AppRecord, PackHandle } from "@axle/core/placement/app-record.ts";
import type { RenderedObject as GuardedObject } from "@axle/core/placement/rendered-variant.ts";
import type { SourceInfo, Variant } from "@axle/core/placement/variant.ts";
import type { DeletionApproval, SealedOriginal, SliceEnvelope, SliceNumber } from "@axle/core/slice/slice.ts";
import type { Composition } from "./source-ports.ts";
import type { SourceError } from "./sources/source-error.ts";

/** The repository, as far as the hub follows it: one branch. Implemented by adapters/git. */
export interface Repository {
  /**
   * Brings the mirror up to date, and in the same exchange the refs that are wanted beside the branch. `rewritten`: the new
   * head does not descend from `known` (S3: needs a person).
   */
  fetch(known: string | undefined, signal: AbortSignal, wanted?: readonly WantedRef[]): Promise<Fetched>;
  /**
   * A commit as a fresh tree on disk, from Git objects, with other sources laid over it. Throws RepositoryError for links that
   * leave the tree and exceeded limits, and MountError where that is the fault of a mount: the commit stands without it.
   */
  snapshot(commit: string, signal: AbortSignal, composition?: Composition): Promise<Snapshot>;
}

export interface Fetched {
  readonly head: string;
  readonly rewritten: boolean;
  /** Of the refs that were wanted those there are: commit by full name (`refs/heads/staging`), sorted. */
  readonly refs?: ReadonlyMap<string, string>;
}

export interface Snapshot {
  readonly commit: string;
  readonly subject: string;
  readonly committedAtMs: number;
  /** Folder the tree stands in; read-only to everybody. Valid until the next `snapshot` call. */
  readonly root: string;
  /** Every file by path relative to the root, no leading slash. */
  readonly files: ReadonlyMap<string, SnapshotFile>;
  /** Git ids of folders, "" is the root: equal id, equal content. */
  readonly folders: ReadonlyMap<string, string>;
  /** Targets of links as written, by the link's path; following them never leaves the repository. */
  readonly links: ReadonlyMap<string, string>;
  /** What of the commit is left out: submodules, names that are not UTF-8. */
  readonly warnings: readonly Problem[];
  /** By `sourceKey`: why a source outside the commit does not stand in it, in words. */
  readonly failedSources?: ReadonlyMap<string, string>;
  /** Aborted when another tree is about to stand in `root`: whoever still reads there must end. */
  readonly replaced?: AbortSignal;
  /** What the commit only points at and could not be had (submodules, large files), by path: who reads it is held. */
  readonly missing?: ReadonlyMap<string, SourceError>;
  /** Folders of submodules: other people's repositories, so nothing there is a file of ours. */
  readonly submodules?: readonly string[];
  /** UTF-8 text of files; all of them exist in `files`, links are followed. Throws RepositoryError `encoding` for other bytes. */
  readTexts(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

export interface SnapshotFile {
  readonly oid: string;
  readonly mode: "file" | "executable" | "link";
  readonly size: number;
}

/** Turns variants into objects with the real kustomize and helm. Implemented by adapters/render. */
export interface Renderer {
  /** For every folder an app may come from: what is there; undefined when nothing can be rendered. */
  inspect(snapshot: Snapshot, path: string, signal: AbortSignal): Promise<SourceInfo | undefined>;
  /** Memo key: Git ids of everything the variant reads, its parameters, the renderer's version. */
  keyOf(snapshot: Snapshot, variant: Variant, signal: AbortSignal): Promise<string>;
  /** Throws RenderError with the renderer's own message and the file it names. */
  render(snapshot: Snapshot, variant: Variant, signal: AbortSignal): Promise<Rendered>;
}

export interface Rendered {
  /** In a stable order, none twice. */
  readonly objects: readonly RenderedObject[];
  /** Documents of the objects that SOPS encrypted, as they stand in the repository. */
  readonly originals?: readonly SealedOriginal[];
  /** Names that come out otherwise each time. */
  readonly renamed?: readonly string[];
  readonly warnings: readonly Problem[];
}

export interface RenderedObject {
  readonly id: ObjectId;
  readonly object: KubeObject;
  /** The file it came from, as exactly as the renderer tells. */
  readonly file: string;
  /** JSON pointers to fields that come out otherwise each time. */
  readonly unstable?: readonly string[];
}

/** What the memo keeps of a render. */
export interface RenderRecord {
  readonly pack: PackHandle;
  /** What guards need to know of the pack's objects; never their content. */
  readonly objects: readonly GuardedObject[];
  /** {@link Rendered.renamed}; absent when there are none. */
  readonly renamed?: readonly string[];
  readonly warnings: readonly Problem[];
}

/** The last slice written for a cluster, as far as the hub can read it again. */
export interface SliceRecord {
  readonly number: SliceNumber;
  /** Keyed digest of the content without number: unchanged content is not published again (L4). */
  readonly content: string;
}

/** The leader's state in the stream AXLE and the packs beside it. Implemented by adapters/nats. */
export interface Store {
  /** Everything the loop decides from, read with the leader's reads; what was written before with an unknown outcome is settled first. */
  load(signal: AbortSignal): Promise<StoredState>;
  findRender(key: string, signal: AbortSignal): Promise<RenderRecord | undefined>;
  /**
   * Whether a pack that was found or put is still there; it is not removed soon, then. To be asked before one is used
   * that is remembered: packs no app uses are removed after a while.
   */
  usePack(digest: string): boolean;
  /** Objects of packs that were rendered, by pack digest; a digest nobody knows is absent. */
  findObjects(digests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RenderRecord["objects"]>>;
  /** The encrypted bytes of a pack. Throws when it is not there whole. */
  readPack(pack: Pick<PackHandle, "digest" | "chunks">, signal: AbortSignal): Promise<Uint8Array>;
  /** Idempotent: the digest is the address. Resolves when stored durably. */
  putPack(digest: string, data: Uint8Array, signal: AbortSignal): Promise<{ chunks: number }>;
  /**
   * Writes all or nothing per batch of at most 1,000, in the order given, each fenced by the lease (S7). Throws LeaseLostError when
   * another leader took over: nothing of the refused batch is visible to anybody.
   */
  write(entries: readonly StoreEntry[], signal: AbortSignal): Promise<void>;
}

export interface StoredState {
  readonly fleet: FleetRecord | undefined;
  readonly apps: ReadonlyMap<string, AppRecord>;
  /** By cluster id. */
  readonly slices: ReadonlyMap<string, SliceRecord>;
  /** By cluster id. */
  readonly approvals: ReadonlyMap<string, readonly DeletionApproval[]>;
  /** By commit: what it published. */
  readonly published: ReadonlyMap<string, PublishedSlices>;
  /** By source key: the digest it was first seen with. */
  readonly sources: ReadonlyMap<string, string>;
  /** By source key: when it was last known to be used, in milliseconds since 1970; absent where nobody noted it. */
  readonly sourceUses?: ReadonlyMap<string, number>;
}

/** Slices one commit published: number by cluster id. */
export type PublishedSlices = Readonly<Record<string, SliceNumber>>;

/** What the hub knows of the repository. */
export interface FleetRecord {
  readonly name: string;
  readonly head: string;
  readonly accepted: string;
  readonly problems: readonly Problem[];
  /** Newest first, bounded: the commits seen with the hub's step times. */
  readonly commits: readonly CommitRecord[];
  readonly epoch: number;
  /** A rewritten head that a person allowed. */
  readonly allowedRewrite?: string;
  /** Other branches and tags the files name, by the ref as written: which commits are in force. */
  readonly refs?: Readonly<Record<string, RefRecord>>;
}

/** As `head` and `accepted` of the fleet, for another branch or a tag. */
export interface RefRecord {
  readonly head: string;
  readonly accepted: string;
  readonly allowedRewrite?: string;
}

export interface CommitRecord {
  readonly commit: string;
  readonly subject: string;
  /** In words, e.g. `branch staging`; absent: the followed branch. */
  readonly ref?: string;
  /** Milliseconds since 1970 by step name (HUB_STEPS). */
  readonly steps: Readonly<Record<string, number>>;
}

export type StoreEntry =
  | { readonly type: "fleet"; readonly record: FleetRecord }
  | { readonly type: "app"; readonly record: AppRecord }
  | { readonly type: "app-gone"; readonly app: string }
  | { readonly type: "render"; readonly key: string; readonly record: RenderRecord }
  | { readonly type: "slice"; readonly envelope: SliceEnvelope; readonly content: string }
  | { readonly type: "slice-gone"; readonly cluster: string }
  | { readonly type: "approvals"; readonly cluster: string; readonly approvals: readonly DeletionApproval[] }
  | { readonly type: "published"; readonly commit: string; readonly slices: PublishedSlices }
  | { readonly type: "published-gone"; readonly commit: string }
  | { readonly type: "source"; readonly key: string; readonly digest: string; readonly usedAtMs: number }
  | { readonly type: "source-gone"; readonly key: string }
  | { readonly type: "audit"; readonly entry: AuditEntry };

export interface AuditEntry {
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly commit?: string;
  readonly detail?: string;
}
