import { homedir } from "node:os";
import { join } from "node:path";
import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import { gitEnvironment } from "@axle/hub/adapters/git/git-environment.ts";
import { GitObjects } from "@axle/hub/adapters/git/git-objects.ts";
import { GitRepository } from "@axle/hub/adapters/git/git-repository.ts";
import { openCredentials } from "@axle/hub/compose/open-credentials.ts";
import { openSources } from "@axle/hub/compose/open-sources.ts";
import { CredentialError } from "@axle/hub/credentials/credential-error.ts";
import type { FetchedSource, SourceFetcher } from "@axle/hub/source-ports.ts";
import type { SourceFetchers } from "@axle/hub/sources/source-shelf.ts";
import { acquireProcessLock } from "@axle/tools/process-lock.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";

export interface SourceCacheOptions {
  readonly env: CliContext["env"];
  readonly signal: AbortSignal;
  /** A file of credentials, as the hub reads it; `AXLE_CREDENTIALS` when left out. */
  readonly credentials?: string | undefined;
  /** Told when another process has the cache. */
  readonly onWait?: (text: string) => void;
}

const TYPES = ["chart", "file", "git"] as const;

/**
 * Where commands on a checkout keep what its files name elsewhere, in the user's cache folder, so that what is locked is
 * asked for once. Nothing is opened before something is asked for; one process at a time has it then.
 */
export class SourceCache implements AsyncDisposable {
  /** Trees of what was fetched. */
  readonly objects: GitObjects;
  readonly fetchers: SourceFetchers;
  readonly #options: SourceCacheOptions;
  readonly #directory: string;
  readonly #stack = new AsyncDisposableStack();
  #opening: Promise<SourceFetchers> | undefined;

  constructor(options: SourceCacheOptions) {
    this.#options = options;
    this.#directory = sourceCacheDirectory(options.env);
    this.objects = this.#stack.use(
      new GitObjects(join(this.#directory, "mirror.git"), gitEnvironment(options.env, "file")),
    );
    this.fetchers = Object.fromEntries(TYPES.map((type) => [type, this.#fetcherOf(type)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#stack.disposeAsync();
  }

  #fetcherOf(type: SourceRequest["type"]): SourceFetcher {
    return {
      fetch: async (request, pinned, signal): Promise<FetchedSource> => {
        this.#opening ??= this.#open();
        const fetcher = (await this.#opening)[type];
        if (fetcher === undefined) throw new TypeError(`nobody fetches a ${type}`);
        return fetcher.fetch(request, pinned, signal);
      },
    };
  }

  async #open(): Promise<SourceFetchers> {
    const { env, signal, onWait } = this.#options;
    const said = new Set<number>();
    this.#stack.use(
      await acquireProcessLock({
        directory: join(this.#directory, "lock"),
        doing: "fetching sources",
        signal,
        onWait: ({ pid, doing }) => {
          if (said.has(pid)) return;
          said.add(pid);
          onWait?.(`waiting for process ${pid}, which is ${doing}`);
        },
      }),
    );
    const file = this.#options.credentials ?? env["AXLE_CREDENTIALS"];
    const { source: credentials } = this.#stack.use(await usableCredentials(file, env));
    // Of the repository only its mirror is used: it follows nobody.
    const mirror = { url: this.#directory, directory: this.#directory, environment: env, credentials };
    const repository = this.#stack.use(new GitRepository(mirror));
    // Looking for anything makes the mirror, which what fetches takes for granted.
    await repository.trees.find("sha256:none", signal);
    return this.#stack.use(openSources({ repository, credentials, env })).fetchers;
  }
}

async function usableCredentials(file: string | undefined, env: CliContext["env"]) {
  try {
    return await openCredentials(file, env);
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    throw new CliError("bad-input", error.message, { cause: error });
  }
}

/** `$XDG_CACHE_HOME/axle/sources`, else `~/.cache/axle/sources`. */
function sourceCacheDirectory(env: CliContext["env"]): string {
  const base = env["XDG_CACHE_HOME"] ?? "";
  return join(base === "" ? join(env["HOME"] ?? homedir(), ".cache") : base, "axle", "sources");
}
