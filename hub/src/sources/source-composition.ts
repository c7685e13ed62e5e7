import { mountOf, sourceKey } from "@axle/core/fleet/source-request.ts";
import type { Composition, FoundReferences } from "../source-ports.ts";
import type { BroughtSource } from "./source-bringer.ts";

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

/** Equal for equal sources: whatever else was read from them is equal then, too. */
export function signatureOf(sources: readonly BroughtSource[]): string {
  const lines = sources.map(({ request, tree, used, error, trouble }) =>
    JSON.stringify([mountOf(request), tree, used, error?.message, trouble?.message]),
  );
  return lines.sort().join("\n");
}
