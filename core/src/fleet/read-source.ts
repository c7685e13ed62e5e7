import type { AppDocument } from "./contract-schemas.ts";
import { resolveRepositoryPath } from "./repository-path.ts";
import { mountOf } from "./source-request.ts";
import type { SourceRequest } from "./source-request.ts";

type SourceDocument = AppDocument["spec"]["source"];

/** What an App says of where its folders are: `path` of the source, and what an override changes of it. */
export interface WrittenFolder {
  readonly path?: string | undefined;
  readonly ref?: string | undefined;
}

/**
 * Folder of the snapshot a source means, from a file in `folder`: of this commit, or below the mount of another ref,
 * repository or chart. Undefined when the path leaves where it starts.
 */
export function readSourceFolder(
  source: SourceDocument,
  folder: string,
  override: WrittenFolder = {},
): string | undefined {
  const request = requestOf(source, override);
  if (request?.type === "chart") return mountOf(request);
  const written = override.path ?? source.path ?? "";
  const path = resolveRepositoryPath(request?.type === "git" ? "" : folder, written);
  if (path === undefined || request === undefined) return path;
  return path === "" ? mountOf(request) : `${mountOf(request)}/${path}`;
}

function requestOf({ ref, git, chart }: SourceDocument, override: WrittenFolder): SourceRequest | undefined {
  if (git !== undefined) return { type: "git", url: git.url, ref: override.ref ?? git.ref };
  if (chart !== undefined && override.path === undefined) {
    return { type: "chart", repository: chart.repository, name: chart.name, version: chart.version };
  }
  const chosen = override.ref ?? ref;
  return chosen === undefined ? undefined : { type: "ref", ref: chosen };
}
