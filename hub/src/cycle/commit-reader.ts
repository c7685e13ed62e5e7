import type { Contract } from "@axle/core/fleet/contract.ts";
import { foldersToInspect } from "@axle/core/placement/resolve.ts";
import type { SourceInfo } from "@axle/core/placement/variant.ts";
import type { RefRecord, Renderer, Snapshot } from "../ports.ts";
import type { UsedRef } from "../sources/source-bringer.ts";
import type { ComposedCommit, SourceDesk } from "../sources/source-desk.ts";

/** A commit read: its tree on disk, what our files say, what stands in the folders apps come from. */
export interface ReadCommit {
  readonly snapshot: Snapshot;
  readonly contract: Contract;
  readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
  /** By ref as written: the commits of other branches and tags that stand in it. */
  readonly refs: ReadonlyMap<string, UsedRef>;
  /** A source outside the commit is missing, and may be there next time though nothing changes. */
  readonly mayPass: boolean;
  /** Nothing may be planned from it. */
  readonly isBlocked: boolean;
}

/**
 * Reads commits, with all they name of other branches, repositories and charts. Only one tree stands on disk at a time, so
 * only the last one read is kept: asking for it again is free while nothing changed, asking for another rebuilds what differs.
 */
export class CommitReader {
  readonly #desk: Pick<SourceDesk, "read">;
  readonly #renderer: Pick<Renderer, "inspect">;
  #last: { readonly composed: ComposedCommit; readonly read: ReadCommit } | undefined;

  constructor(desk: Pick<SourceDesk, "read">, renderer: Pick<Renderer, "inspect">) {
    this.#desk = desk;
    this.#renderer = renderer;
  }

  /** `refs`: those in force. Throws the repository's error for a commit that cannot be laid out as a tree. */
  async read(commit: string, refs: Readonly<Record<string, RefRecord>>, signal: AbortSignal): Promise<ReadCommit> {
    const composed = await this.#desk.read(commit, refs, signal);
    if (this.#last?.composed === composed) return this.#last.read;
    this.#last = undefined;
    const { snapshot, contract } = composed;
    const folders = foldersToInspect(contract);
    const infos = await Promise.all(folders.map((folder) => this.#renderer.inspect(snapshot, folder, signal)));
    const read = { ...composed, sources: new Map(folders.map((folder, index) => [folder, infos[index]])) };
    this.#last = { composed, read };
    return read;
  }
}
