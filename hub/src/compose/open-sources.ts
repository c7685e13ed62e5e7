import { ChartFetcher } from "../adapters/charts/chart-fetcher.ts";
import { FileFetcher } from "../adapters/charts/file-fetcher.ts";
import type { GitRepository } from "../adapters/git/git-repository.ts";
import { HttpClient } from "../adapters/outbound/http-client.ts";
import { SourceFinder } from "../adapters/render/find-references.ts";
import type { CredentialSource } from "../credentials/credential.ts";
import { readLock } from "../sources/read-lock.ts";
import type { SourceDeskOptions } from "../sources/source-desk.ts";

export type SourceAccess = Pick<SourceDeskOptions, "fetchers" | "finder" | "readLock">;

/** Of one chart, index or file. */
const REQUEST_TIMEOUT_MS = 120_000;

/** What brings the sources outside of a commit into the repository's mirror; also used by commands on a checkout. */
export function openSources(options: {
  readonly repository: Pick<GitRepository, "sources" | "trees" | "rule">;
  readonly credentials: CredentialSource;
  readonly env: Readonly<Record<string, string | undefined>>;
}): SourceAccess & AsyncDisposable {
  const { repository, credentials, env } = options;
  const { trees, rule } = repository;
  const http = new HttpClient({ environment: env, timeoutMs: REQUEST_TIMEOUT_MS, guard: {} });
  const reach = { trees, credentials, ask: http.ask, rule };
  return {
    fetchers: { chart: new ChartFetcher(reach), file: new FileFetcher(reach), git: repository.sources },
    finder: new SourceFinder(),
    readLock,
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}
