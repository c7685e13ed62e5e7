import { describeSource } from "@axle/core/fleet/source-request.ts";
import type { ChartSourceRequest, FileSource } from "@axle/core/fleet/source-request.ts";
import { SourceError } from "../../sources/source-error.ts";

/** A chart as its repository serves it. */
export interface PackagedChart {
  /** The gzipped tar archive. */
  readonly bytes: Buffer;
  /** `sha256:<hex>` of it. Equal bytes, whether they come from a chart repository or as the layer of a registry. */
  readonly digest: string;
}

/** What is asked for, and the digest it must have, where one is known. */
export interface WantedChart {
  readonly request: ChartSourceRequest;
  readonly pinned: string | undefined;
}

/** Throws SourceError `digest-changed` for what is not what it was: somebody published it again under its name. */
export function refuseChanged(
  { request, pinned }: { readonly request: ChartSourceRequest | FileSource; readonly pinned: string | undefined },
  served: string,
): void {
  if (pinned === undefined || pinned === served) return;
  const what = describeSource(request);
  const remedy = `if that is meant, run: axle lock --update ${request.type === "chart" ? request.name : request.url}`;
  throw new SourceError(
    "digest-changed",
    `${what} was ${pinned} and is ${served} now: it was published again under the same ${request.type === "chart" ? "version" : "address"}; ${remedy}`,
  );
}
