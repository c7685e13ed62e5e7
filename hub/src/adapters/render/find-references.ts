import type { Snapshot } from "../../ports.ts";
import type { FoundReferences, ReferenceFinder } from "../../source-ports.ts";
import { ReadMemo } from "./read-memo.ts";
import { SourceSearch } from "./source-search.ts";

/**
 * Finds what folders name that is elsewhere, and says how it is to stand in the snapshot: bases of other repositories at
 * their mounts, with the kustomization that names them rewritten; charts where kustomize and helm look for vendored ones;
 * single files beside the kustomization. What cannot be fetched as it is written is left as it is: the renderer refuses it.
 */
export class SourceFinder implements ReferenceFinder {
  readonly #memo = new ReadMemo();

  async find(snapshot: Snapshot, folders: readonly string[], signal: AbortSignal): Promise<FoundReferences> {
    const search = new SourceSearch(snapshot, this.#memo, signal);
    for (const folder of folders) await search.visitFolder(folder);
    return search.found;
  }
}
