/**
 * How what stands outside the followed commit gets into a snapshot. The desk (hub/src/sources) collects requests, takes
 * digests from `axle.lock` or from what was remembered at first use, asks fetchers, and mounts what they bring.
 */
import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import type { Snapshot } from "./ports.ts";

/** Brings one type of source. Implemented by adapters/git (ref, git) and adapters/charts (chart). */
export interface SourceFetcher {
  /**
   * The source's files as a Git tree in the hub's mirror. With a pinned digest, what the mirror already keeps for it is used
   * without asking anybody, so that a registry that is down stops nothing. Throws SourceError.
   */
  fetch(request: SourceRequest, pinned: string | undefined, signal: AbortSignal): Promise<FetchedSource>;
}

export interface FetchedSource {
  /** `git:<commit>` or `sha256:<hex of the packaged chart>`: equal digest, equal files. */
  readonly digest: string;
  /** Id of a Git tree that the mirror keeps (a ref of ours points at it). */
  readonly tree: string;
  /**
   * What the request names may be something else at the next poll (a branch of another repository): it is asked for again
   * then, and its digest is not remembered. Absent: remembered at first use.
   */
  readonly moves?: boolean;
}

/** Files of an unpacked archive, on their way into the mirror. Paths are relative, checked, without links. */
export interface SourceFile {
  readonly path: string;
  readonly executable: boolean;
  readonly content: Uint8Array;
}

/** The mirror, as far as sources need it. Implemented by adapters/git. */
export interface TreeKeeper {
  /** Writes the files as a Git tree and keeps it under `name` (a digest) until it is dropped. Returns the tree's id. */
  keep(name: string, files: readonly SourceFile[], signal: AbortSignal): Promise<string>;
  /** The tree kept under `name`; undefined when there is none or it is damaged. */
  find(name: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Branches, tags and commits of the fleet's own repository, as the last fetch brought them. Implemented by adapters/git. */
export interface RefRepository {
  /** A commit by its id, asked for where no branch brought it. Throws SourceError. */
  commitOf(id: string, signal: AbortSignal): Promise<RepositoryCommit>;
  /** Whether `older` is `newer` itself or one of its ancestors. */
  descends(newer: string, older: string, signal: AbortSignal): Promise<boolean>;
}

/** Commits that must stay readable, whatever the branches say now. */
export interface CommitsInForce {
  /** Of the followed branch. */
  readonly commit: string;
  /** Of other branches and tags; and trees that somebody has in hand. */
  readonly others: readonly string[];
}

/** Gives back what is not used any more. Implemented by adapters/git. */
export interface SourceCollection {
  /**
   * Drops what was fetched from elsewhere and not used for `keepMs`; nothing while another commit than the one in force is
   * read. Gives how much. Time in which the hub did not run does not count.
   */
  collect(inForce: CommitsInForce, keepMs: number, signal: AbortSignal): Promise<number>;
}

export interface RepositoryCommit {
  readonly commit: string;
  /** Id of its tree. */
  readonly tree: string;
  readonly subject: string;
}

/** What is laid over a commit's own tree. */
export interface Composition {
  /** Tree ids by folder of the snapshot. */
  readonly mounts: ReadonlyMap<string, string>;
  /** Files with other content than the commit's: references to remote things rewritten to the folders they stand in. */
  readonly replaced: ReadonlyMap<string, string>;
  /** Links put beside the commit's own files, target as written by path: how a chart's folder gets the dependencies it lacks. */
  readonly links?: ReadonlyMap<string, string>;
  /** {@link Snapshot.failedSources} of what comes of it. */
  readonly failed?: ReadonlyMap<string, string>;
}

/** Finds what a folder's files name that is elsewhere. Implemented by adapters/render, for it knows the formats. */
export interface ReferenceFinder {
  /**
   * Of the folders apps come from, and everything they read: remote Kustomize bases, `helmCharts`, dependencies of charts that
   * are not vendored; with the files rewritten so that the renderers find them at their mounts. Asked again with the result
   * mounted until nothing new is named. What cannot be fetched as it is written is left for the renderer to refuse.
   */
  find(snapshot: Snapshot, folders: readonly string[], signal: AbortSignal): Promise<FoundReferences>;
}

export interface FoundReferences {
  readonly requests: readonly SourceRequest[];
  /** New content by path, also of files the commit does not have. Only for files whose requests are all mounted, or failed. */
  readonly replaced: ReadonlyMap<string, string>;
  /** For {@link Composition.links}: they never lead outside the snapshot. */
  readonly links: ReadonlyMap<string, string>;
  /** Further folders in which the files of a request are to stand, e.g. a chart's dependency in its `charts` folder. */
  readonly alsoAt?: ReadonlyMap<string, SourceRequest>;
}

/**
 * Digests that sources were first seen with: the hub's own memory, which survives a restart (StoreEntry `source`). What
 * `axle.lock` says wins, and is remembered in its turn. Implemented by cycle/stored-source-pins.ts.
 */
export interface SourcePins {
  /** By {@link sourceKey}. Undefined: never seen. */
  digestOf(key: string): string | undefined;
  /**
   * Durable when it resolves; nothing is written for what is remembered already. To be called before anything rendered
   * from the source is published. Not for branches, which are meant to move.
   */
  remember(digests: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
}
