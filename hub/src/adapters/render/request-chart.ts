import type { ChartSourceRequest } from "@axle/core/fleet/source-request.ts";

/** A chart as a file names it, as a request, or why it is none. */
export type ChartRequest =
  | { readonly type: "request"; readonly request: ChartSourceRequest }
  | { readonly type: "refused"; readonly why: "version" | "repository"; readonly message: string };

/** A version and nothing else: what helm takes for one chart, never for several. */
const EXACT_VERSION = /^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

export function requestChart(named: {
  readonly repository: string;
  readonly name: string;
  readonly version: string;
}): ChartRequest {
  const { name, version } = named;
  const repository = named.repository.replace(/\/+$/, "");
  if (/^(@|alias:)/.test(repository)) {
    return refused(
      "repository",
      `names the repository ${repository}, which only helm on one machine knows; write its address`,
    );
  }
  if (!/^(https?|oci):\/\//.test(repository)) {
    return refused(
      "repository",
      `names the repository ${JSON.stringify(repository)}; an https or oci address is fetched`,
    );
  }
  if (/^\w+:\/\/[^/]*@/.test(repository)) {
    return refused(
      "repository",
      "names a repository with credentials in its address; put them into the hub's configuration",
    );
  }
  if (!EXACT_VERSION.test(version)) {
    return refused(
      "version",
      `names ${version === "" ? "no version" : `the version ${version}`}; only an exact version, as 1.2.3, is fetched`,
    );
  }
  return { type: "request", request: { type: "chart", repository, name, version } };
}

function refused(why: "version" | "repository", message: string): ChartRequest {
  return { type: "refused", why, message };
}
