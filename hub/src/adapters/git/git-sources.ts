import type { AskHttp } from "../../credentials/ask-http.ts";
import type { CredentialSource } from "../../credentials/credential.ts";
import type { SourceFetcher, TreeKeeper } from "../../source-ports.ts";
import type { AddressRule } from "../outbound/address-rule.ts";
import { CommitFetcher } from "./commit-fetcher.ts";
import type { GitAccess } from "./git-access.ts";
import { GitSourceFetcher } from "./git-source-fetcher.ts";
import { LfsClient } from "./lfs-client.ts";
import { LfsDownloads } from "./lfs-downloads.ts";
import { LfsFiles } from "./lfs-files.ts";
import { LfsServers } from "./lfs-server.ts";
import type { Mirror } from "./mirror.ts";
import { Submodules } from "./submodules.ts";
import { TreeCompleter } from "./tree-completer.ts";
import type { TreeUses } from "./tree-uses.ts";
import type { TreeLimits } from "./tree.ts";

/** Of one call to another repository's server. */
const FETCH_TIMEOUT_MS = 5 * 60_000;
/** How long a turn of the hub waits for one submodule, and for all large files, before it goes on without. */
const PATIENCE_MS = 5_000;
const LFS_LIMITS = { maxFileBytes: 16 * 1024 ** 2, maxTotalBytes: 256 * 1024 ** 2 };

export interface GitSourcesOptions {
  readonly mirror: Mirror;
  readonly access: GitAccess;
  readonly rule: AddressRule;
  readonly credentials: CredentialSource;
  readonly ask: AskHttp;
  readonly trees: TreeKeeper;
  readonly uses: TreeUses;
  /** Folder that is ours alone. */
  readonly directory: string;
  readonly limits: TreeLimits;
  readonly now: () => number;
  readonly patienceMs?: number;
  /** Something a snapshot went on without is there, or failed. */
  readonly onReady: () => void;
}

/** Everything that reaches repositories other than the followed one, put together. */
export function createGitSources(options: GitSourcesOptions): {
  readonly completer: TreeCompleter;
  readonly sources: SourceFetcher;
  readonly fetcher: CommitFetcher;
} & AsyncDisposable {
  const { mirror, access, rule, credentials, ask, trees, uses, directory, limits, now } = options;
  const { patienceMs = PATIENCE_MS } = options;
  const fetchLimits = { timeoutMs: FETCH_TIMEOUT_MS, patienceMs, maxBytes: limits.totalBytes };
  const onReady = (): void => {
    completer.arrived();
    options.onReady();
  };
  const fetcher = new CommitFetcher({
    mirror,
    uses,
    access,
    rule,
    ask,
    credentials,
    directory,
    limits: fetchLimits,
    onReady,
  });
  const submodules = new Submodules({ mirror, fetcher });
  const servers = new LfsServers({ mirror, access, rule });
  const client = new LfsClient({ ask, credentials, rule });
  const downloads = new LfsDownloads({ mirror, servers, client, onReady });
  const lfs = new LfsFiles({ mirror, downloads, limits: LFS_LIMITS });
  const completer = new TreeCompleter({ mirror, submodules, lfs, uses, limits, now, patienceMs });
  const sources = new GitSourceFetcher({ mirror, trees, fetcher, completer });
  return {
    completer,
    sources,
    fetcher,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([fetcher[Symbol.asyncDispose](), downloads[Symbol.asyncDispose]()]);
    },
  };
}
