import { describeSource, requestAt, sourceKey, type SourceRequest } from "@axle/core/fleet/source-request.ts";
import { didYouMean } from "@axle/core/fleet/suggest.ts";
import type { ChartUse, Reference } from "./kustomization-references.ts";
import { FILES_FOLDER, homeOf } from "./named-places.ts";
import { parseRemoteAddress } from "./remote-address.ts";
import { RenderError } from "./render-error.ts";
import { requestChart } from "./request-chart.ts";
import { joinPath, parentOf, type SnapshotIndex } from "./snapshot-index.ts";

/**
 * Why a kustomization must not be built for what it refers to: kustomize would follow it out of the repository, or to
 * another machine, or fail in words that say nothing of a source that could not be fetched.
 */
export function refuseReference(index: SnapshotIndex, folder: string, reference: Reference): RenderError | undefined {
  const { value, use, place } = reference;
  const shown = JSON.stringify(value);
  const found = index.find(joinPath(folder, value));
  const address = found.type === "file" ? undefined : parseRemoteAddress(value, use);
  if (address !== undefined) {
    const message = address.type === "refused" ? address.message : whyMissing(index, address.request);
    return new RenderError("remote", `${shown} ${message}`, { place });
  }
  if (!value.startsWith("/") && (found.type === "file" || found.type === "folder")) {
    const here = requestAt(`${folder}/`);
    const isAway = here !== undefined && !`${found.path}/`.startsWith(`${here.mount}/`);
    if (!isAway || requestAt(found.path) !== undefined) return undefined;
    return new RenderError("escapes", `${shown} leads out of the repository it is written in`, { place });
  }
  const request = requestIn(found.path);
  if (request !== undefined) return new RenderError("remote", whyMissing(index, request, found.path), { place });
  if (!value.startsWith("/") && found.type === "missing") {
    const message = `${shown} is not there: the repository has no "${found.path}"${nearby(index, found.path) || "; check the path"}`;
    return new RenderError("source", message, { place });
  }
  return new RenderError("escapes", `${shown} leads out of the repository; use a path inside it`, { place });
}

/** Why a chart that kustomize would download is not there. */
export function refuseChart(index: SnapshotIndex, folder: string, chart: ChartUse): RenderError | undefined {
  const { repository, name, place } = chart;
  const home = index.find(joinPath(folder, homeOf(chart)));
  if (home.type === "folder" || home.type === "outside") return undefined;
  if (repository === "") {
    const message = `the chart ${name} is not there: the repository has no folder "${home.path}", and no repo is named to fetch it from`;
    return new RenderError("source", message, { place });
  }
  const found = requestChart(chart);
  const message = found.type === "refused" ? found.message : whyMissing(index, found.request);
  return new RenderError("remote", `the chart ${name} of ${repository} ${message}`, { place });
}

function nearby(index: SnapshotIndex, path: string): string {
  const { files, folders } = index.childrenOf(index.find(parentOf(path)).path);
  const last = (each: string): string => each.slice(each.lastIndexOf("/") + 1);
  return didYouMean(last(path), [...files, ...folders].map(last));
}

/** What the finder put in place of an address: a mount, or a file beside the kustomization. */
function requestIn(path: string): SourceRequest | undefined {
  const request = requestAt(path)?.request;
  if (request !== undefined) return request;
  const segments = path.split("/");
  const file = segments[segments.indexOf(FILES_FOLDER) + 1];
  try {
    return !segments.includes(FILES_FOLDER) || file === undefined
      ? undefined
      : { type: "file", url: decodeURIComponent(file) };
  } catch {
    return undefined;
  }
}

export function whyMissing(index: SnapshotIndex, request: SourceRequest, path?: string): string {
  const why = index.snapshot.failedSources?.get(sourceKey(request));
  const name = path === undefined ? "" : `${nameOf(request)} `;
  if (why !== undefined) return `cannot be fetched: ${why}`;
  const mount = path === undefined ? undefined : requestAt(path)?.mount;
  if (mount !== undefined && path !== undefined && index.find(mount).type === "folder") {
    return `${name}has no folder "${path.slice(mount.length + 1)}" with a kustomization; check the path`;
  }
  return `${name}is not in this repository and was not fetched; fetch it, or vendor it into the repository`;
}

function nameOf(request: SourceRequest): string {
  return request.type === "chart" ? sourceKey(request) : describeSource(request);
}
