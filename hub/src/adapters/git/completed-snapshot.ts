import { MountError } from "../../sources/mount-error.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { Composition } from "../../source-ports.ts";
import type { Remote } from "./git-environment.ts";
import type { Tree } from "./tree.ts";
import type { ComposedTree, TreeComposer } from "./tree-composer.ts";
import type { TreeCompleter } from "./tree-completer.ts";

/** A commit's tree with its submodules and large files, and what of them is missing, by path. */
export interface CompletedTree extends ComposedTree {
  readonly missing: ReadonlyMap<string, SourceError>;
  /** Large files that stand in it, by their ids. */
  readonly largeFiles: readonly string[];
  /** Folders of submodules, also of those that are missing. */
  readonly submodules: readonly string[];
}

/**
 * Lays what a commit points at under what the fleet's files name. A submodule that cannot stand in a tree is told like one that
 * cannot be fetched. Throws MountError for other sources that cannot.
 */
export async function composeCompleted(
  base: Tree,
  parts: {
    readonly composition: Composition;
    readonly composer: TreeComposer;
    readonly completer: TreeCompleter;
    readonly remote: Remote;
  },
  signal: AbortSignal,
): Promise<CompletedTree> {
  const { composition, composer, completer, remote } = parts;
  const { mounts, blobs, failures } = await completer.complete(base, remote, signal);
  const own = new Map(mounts);
  const missing = new Map(failures);
  for (;;) {
    const all = { ...composition, mounts: new Map([...own, ...composition.mounts]) };
    try {
      const composed = await composer.compose(base, all, signal, blobs);
      const gone = completer.submodulesOf(base);
      const largeFiles = [...blobs.values()].map(({ oid }) => oid);
      return { ...composed, missing, submodules: gone, largeFiles };
    } catch (error) {
      if (!(error instanceof MountError) || !own.delete(error.mount)) throw error;
      const message = `the submodule "${error.mount}": ${error.error.message}`;
      missing.set(error.mount, new SourceError(error.error.code, message, { cause: error }));
    }
  }
}
