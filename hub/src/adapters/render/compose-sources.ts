import { describeSource, mountOf, sourceKey } from "@axle/core/fleet/source-request.ts";
import type { Snapshot } from "../../ports.ts";
import type { Composition, FoundReferences, TreeKeeper } from "../../source-ports.ts";
import { SourceFinder } from "./find-references.ts";

/** For tests: files of sources outside the commit, by source key; what is not here cannot be fetched. */
export type Elsewhere = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Asks the finder until it finds nothing new, as the desk does, with sources that are at hand. */
export async function composeSources(
  options: {
    readonly elsewhere: Elsewhere;
    readonly trees: TreeKeeper;
    readonly snapshot: (composition: Composition) => Promise<Snapshot>;
    readonly signal: AbortSignal;
  },
  folders: readonly string[],
): Promise<{ readonly snapshot: Snapshot; readonly requests: readonly string[] }> {
  const { elsewhere, trees, signal } = options;
  const finder = new SourceFinder();
  const mounts = new Map<string, string>();
  const failed = new Map<string, string>();
  const asked = new Set<string>();
  let found: FoundReferences;
  for (;;) {
    found = await finder.find(await options.snapshot({ mounts, replaced: new Map() }), folders, signal);
    const fresh = found.requests.filter((request) => !asked.has(sourceKey(request)));
    if (fresh.length === 0) break;
    for (const request of fresh) {
      const key = sourceKey(request);
      asked.add(key);
      const files = elsewhere[key];
      if (files === undefined) {
        failed.set(key, `${describeSource(request)}: nobody has it`);
        continue;
      }
      const contents = Object.entries(files).map(([path, text]) => ({
        path,
        executable: false,
        content: Buffer.from(text),
      }));
      mounts.set(mountOf(request), await trees.keep(key.replaceAll(/\W/g, "-"), contents, signal));
    }
  }
  const placed = new Map(mounts);
  for (const [path, request] of found.alsoAt ?? []) {
    const tree = mounts.get(mountOf(request));
    if (tree !== undefined) placed.set(path, tree);
  }
  const { replaced, links } = found;
  return { snapshot: await options.snapshot({ mounts: placed, replaced, links, failed }), requests: [...asked] };
}
