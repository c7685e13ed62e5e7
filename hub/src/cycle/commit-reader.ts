import { contractFilesOf, FLEET_FILE, readContract } from "@axle/core/fleet/parse-contract.ts";
import type { Contract } from "@axle/core/fleet/contract.ts";
import { foldersToInspect } from "@axle/core/placement/resolve.ts";
import type { SourceInfo } from "@axle/core/placement/variant.ts";
import type { Renderer, Repository, Snapshot } from "../ports.ts";

/** A commit read: its tree on disk, what our files say, what stands in the folders apps come from. */
export interface ReadCommit {
  readonly snapshot: Snapshot;
  readonly contract: Contract;
  readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
}

/**
 * Reads commits. Only one tree stands on disk at a time, so only the last one read is kept: asking for it again is
 * free, asking for another rebuilds what differs.
 */
export class CommitReader {
  readonly #repository: Pick<Repository, "snapshot">;
  readonly #renderer: Pick<Renderer, "inspect">;
  #last: ReadCommit | undefined;

  constructor(repository: Pick<Repository, "snapshot">, renderer: Pick<Renderer, "inspect">) {
    this.#repository = repository;
    this.#renderer = renderer;
  }

  /** Throws the repository's error for a commit that cannot be laid out as a tree. */
  async read(commit: string, signal: AbortSignal): Promise<ReadCommit> {
    if (this.#last?.snapshot.commit === commit) return this.#last;
    this.#last = undefined;
    const snapshot = await this.#repository.snapshot(commit, signal);
    const read = await readSnapshot(snapshot, this.#renderer, signal);
    this.#last = read;
    return read;
  }
}

/** Also used by commands that work on a checkout, without a hub. */
export async function readSnapshot(
  snapshot: Snapshot,
  renderer: Pick<Renderer, "inspect">,
  signal: AbortSignal,
): Promise<ReadCommit> {
  const fleetTexts = await snapshot.readTexts(snapshot.files.has(FLEET_FILE) ? [FLEET_FILE] : [], signal);
  const wanted = contractFilesOf(fleetTexts.get(FLEET_FILE), snapshot.files.keys());
  const texts = await snapshot.readTexts(
    wanted.filter((path) => snapshot.files.has(path)),
    signal,
  );
  const contract = readContract({ paths: snapshot.files.keys(), texts });
  const folders = foldersToInspect(contract);
  const infos = await Promise.all(folders.map((folder) => renderer.inspect(snapshot, folder, signal)));
  return { snapshot, contract, sources: new Map(folders.map((folder, i) => [folder, infos[i]])) };
}
