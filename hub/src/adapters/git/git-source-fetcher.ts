import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { FetchedSource, SourceFetcher, TreeKeeper } from "../../source-ports.ts";
import type { CommitFetcher } from "./commit-fetcher.ts";
import type { Mirror } from "./mirror.ts";
import { parseSourceRemote } from "./source-remote.ts";
import type { TreeCompleter } from "./tree-completer.ts";

export interface GitSourceFetcherOptions {
  readonly mirror: Pick<Mirror, "setRef">;
  readonly trees: TreeKeeper;
  readonly fetcher: CommitFetcher;
  readonly completer: TreeCompleter;
}

/** Brings branches, tags and commits of other repositories into the mirror, with their submodules and large files. */
export class GitSourceFetcher implements SourceFetcher {
  readonly #options: GitSourceFetcherOptions;

  constructor(options: GitSourceFetcherOptions) {
    this.#options = options;
  }

  /** The digest is `git:<commit>`. Throws SourceError. */
  async fetch(request: SourceRequest, pinned: string | undefined, signal: AbortSignal): Promise<FetchedSource> {
    if (request.type !== "git")
      throw new SourceError("unsupported", `a ${request.type} is not fetched as another repository`);
    const { trees, fetcher, completer, mirror } = this.#options;
    const remote = parseSourceRemote(request.url);
    const locked = pinned === undefined ? undefined : { commit: commitOf(pinned), isBranch: false };
    const { commit, isBranch } = locked ?? (await fetcher.resolve(remote, request.ref, signal));
    const digest = `git:${commit}`;
    const moves = isBranch ? { moves: true } : {};
    const known = await trees.find(digest, signal);
    if (known !== undefined) return { digest, tree: known, ...moves };
    const raw = await fetcher.fetch(remote, { commit, ref: request.ref }, signal);
    const tree = await completer.completeWhole(raw, { remote, isHurried: false }, signal);
    await mirror.setRef(`refs/axle/kept/git/${commit}`, tree, signal);
    return { digest, tree, ...moves };
  }
}

function commitOf(digest: string): string {
  const commit = /^git:([0-9a-f]{40}|[0-9a-f]{64})$/.exec(digest)?.[1];
  if (commit !== undefined) return commit;
  throw new SourceError("digest-changed", `${JSON.stringify(digest.slice(0, 100))} is no commit; run axle lock`);
}
