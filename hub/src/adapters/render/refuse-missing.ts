import type { Snapshot } from "../../ports.ts";
import type { ReadSet } from "./read-set.ts";
import { placeOf, RenderError } from "./render-error.ts";

/**
 * Throws RenderError `remote` for a folder that reads a submodule or a large file that could not be had: rendered without
 * it, what it declares would look deleted.
 */
export function refuseMissing(snapshot: Snapshot, reads: Pick<ReadSet, "requests">, more: readonly string[]): void {
  if (snapshot.missing === undefined || snapshot.missing.size === 0) return;
  for (const request of [...reads.requests, ...more]) refuseMissingAt(snapshot, request);
}

/** The same for one path, and all that stands below it. */
export function refuseMissingAt(snapshot: Snapshot, request: string): void {
  for (const [path, error] of snapshot.missing ?? []) {
    if (!isAtOrBelow(path, request) && !isAtOrBelow(request, path)) continue;
    const message = error.message.includes(`"${path}"`) ? error.message : `"${path}": ${error.message}`;
    throw new RenderError("remote", message, { place: placeOf(path), cause: error });
  }
}

function isAtOrBelow(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}
