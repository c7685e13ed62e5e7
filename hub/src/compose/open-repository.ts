import { join } from "node:path";
import type { Problem, ProblemCode } from "@axle/core/fleet/problem.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { parseRemote } from "../adapters/git/git-environment.ts";
import { GitRepository } from "../adapters/git/git-repository.ts";
import { RepositoryError, type RepositoryErrorCode } from "../adapters/git/repository-error.ts";
import { ProcessRenderer } from "../adapters/render/process-renderer.ts";
import { Sandbox } from "../adapters/render/sandbox.ts";
import type { HubConfig } from "../config.ts";
import { openCredentials } from "./open-credentials.ts";
import { openSources } from "./open-sources.ts";
import type { SourceAccess } from "./open-sources.ts";

export interface OpenRepository extends AsyncDisposable {
  readonly repository: GitRepository;
  readonly renderer: ProcessRenderer;
  readonly sources: SourceAccess;
  readonly shownUrl: string;
}

/** The repository the hub follows, what it names elsewhere, and what renders it. `shownUrl` may be logged and shown: it holds no credentials. */
export async function openRepository(options: {
  readonly config: HubConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Something that was read without is there, or failed. */
  readonly onReady?: () => void;
}): Promise<OpenRepository> {
  const { config, env, signal, onReady } = options;
  const [kustomize, helm] = await Promise.all(["kustomize", "helm"].map((name) => findTool(name, { env, signal })));
  if (kustomize === undefined || helm === undefined) throw new TypeError("two tools were asked for");
  // One folder for what is rendered and for what renders it, so that renderers can be locked in.
  const rendering = join(config.data, "render");
  const sandbox = new Sandbox({ directory: rendering, timeoutMs: config.renderTimeoutMs });
  await using stack = new AsyncDisposableStack();
  const credentials = stack.use(await openCredentials(config.credentials, env));
  const repository = stack.use(
    new GitRepository({
      url: config.repo ?? "",
      directory: join(config.data, "git"),
      checkoutDirectory: rendering,
      environment: env,
      credentials: credentials.source,
      limits: { totalBytes: config.maxRepositoryBytes, entries: config.maxRepositoryFiles },
      ...(config.branch === undefined ? {} : { branch: config.branch }),
      ...(onReady === undefined ? {} : { onReady }),
    }),
  );
  const sources = stack.use(openSources({ repository, credentials: credentials.source, env }));
  const owned = stack.move();
  return {
    shownUrl: parseRemote(config.repo ?? "").url,
    sources,
    renderer: new ProcessRenderer({ kustomize: kustomize.path, helm: helm.path, sandbox }),
    repository,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const COMMIT_PROBLEMS: Partial<Record<RepositoryErrorCode, ProblemCode>> = {
  escapes: "path-escapes",
  "too-large": "too-large",
  encoding: "syntax",
  dangling: "syntax",
};

/** What the repository threw for a commit, where that is a fault of the commit and stays until the next. */
export function commitProblemOf(error: unknown): Problem | undefined {
  if (!(error instanceof RepositoryError)) return undefined;
  const code = COMMIT_PROBLEMS[error.code];
  if (code === undefined) return undefined;
  const place = error.file === undefined ? {} : { place: { file: error.file, line: 0, column: 0 } };
  return { severity: "error", code, message: error.message, ...place };
}
