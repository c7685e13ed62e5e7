import { mountOf, sourceKey } from "@axle/core/fleet/source-request.ts";
import type { RefRecord } from "../ports.ts";
import type { Composition, FoundReferences } from "../source-ports.ts";
import type { BroughtSource, UsedRef } from "./source-bringer.ts";

/** What is to be laid over a commit: what was brought, by the folder it stands in, and what the finder made of it. */
export function compositionOf(brought: ReadonlyMap<string, BroughtSource>, found: FoundReferences): Composition {
  const mounts = new Map<string, string>();
  const failed = new Map<string, string>();
  for (const [mount, { request, tree, error }] of brought) {
    if (tree !== undefined) mounts.set(mount, tree);
    else if (error !== undefined) failed.set(sourceKey(request), error.message);
  }
  for (const [folder, request] of found.alsoAt ?? []) {
    const tree = brought.get(mountOf(request))?.tree;
    if (tree !== undefined) mounts.set(folder, tree);
  }
  return { mounts, replaced: found.replaced, links: found.links, failed };
}

/**
 * By ref as written: the commits that were taken. One that could not be had keeps the commit in force, though nothing is taken
 * from it, so that the fleet's record does not forget it: once it is there again, it must still descend from that.
 */
export function usedRefsOf(
  sources: readonly BroughtSource[],
  inForce: Readonly<Record<string, RefRecord>>,
): ReadonlyMap<string, UsedRef> {
  const refs = new Map<string, UsedRef>();
  for (const { request, used } of sources) {
    if (used !== undefined) refs.set(used.ref, used);
    else if (request.type === "ref") {
      const { ref } = request;
      const record = inForce[ref];
      if (record !== undefined) refs.set(ref, { ref, head: record.head, accepted: record.accepted, subject: "" });
    }
  }
  return refs;
}

/** Equal for equal sources: whatever else was read from them is equal then, too. */
export function signatureOf(sources: readonly BroughtSource[]): string {
  const lines = sources.map(({ request, tree, used, error, trouble }) =>
    JSON.stringify([mountOf(request), tree, used, error?.message, trouble?.message]),
  );
  return lines.sort().join("\n");
}
