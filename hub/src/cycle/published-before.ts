import type { ObjectId } from "@axle/core/manifest/object.ts";
import type { AppRecord, PackHandle } from "@axle/core/placement/app-record.ts";
import type { Resolution } from "@axle/core/placement/resolution.ts";
import type { VariantKey } from "@axle/core/placement/variant.ts";
import type { Store } from "../ports.ts";
import { readPack } from "../slice/read-pack.ts";
import type { PublishedPack } from "./keep-unstable.ts";

/**
 * The packs that the clusters of a variant stand on now, those with most of its clusters first: where a variant comes
 * from, whatever its inputs have become.
 */
export function packsBefore(
  resolution: Pick<Resolution, "apps">,
  records: ReadonlyMap<string, AppRecord>,
): (key: VariantKey) => readonly PackHandle[] {
  return (key) => {
    for (const [name, app] of resolution.apps) {
      if (!app.variants.has(key)) continue;
      const record = records.get(name);
      if (record === undefined) return [];
      const counts = new Map<number, number>();
      for (const [cluster, { variant }] of app.targets) {
        const pack = variant === key ? record.targets[cluster]?.pack : undefined;
        if (pack !== undefined) counts.set(pack, (counts.get(pack) ?? 0) + 1);
      }
      // Of equals the one of the cluster whose id is first: targets are sorted, and so are they counted.
      const ordered = [...counts].sort(([, a], [, b]) => b - a);
      return ordered.flatMap(([pack]) => record.packs[pack] ?? []);
    }
    return [];
  };
}

/**
 * The first of these packs with fields that were made anew under the same `sync.regenerate`; undefined when there is
 * none. Throws what the store throws: values that are out there and cannot be read must not be made anew in silence.
 */
export async function readPublished(
  packs: readonly PackHandle[],
  wanted: {
    readonly regenerate: string;
    readonly store: Pick<Store, "findObjects" | "readPack">;
    readonly packMaster: Uint8Array;
  },
  signal: AbortSignal,
): Promise<PublishedPack | undefined> {
  const { regenerate, store, packMaster } = wanted;
  if (packs.length === 0) return undefined;
  const described = await store.findObjects(
    packs.map(({ digest }) => digest),
    signal,
  );
  for (const pack of packs) {
    const unstable = new Map<ObjectId, ReadonlySet<string>>();
    for (const { id, unstable: marked } of described.get(pack.digest) ?? []) {
      if (marked?.regenerate === regenerate) unstable.set(id, new Set(marked.fields));
    }
    if (unstable.size === 0) continue;
    return { objects: readPack(await store.readPack(pack, signal), pack.keyId, packMaster), unstable };
  }
  return undefined;
}
