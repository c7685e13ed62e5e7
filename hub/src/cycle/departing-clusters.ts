import type { ClusterFile } from "@axle/core/fleet/cluster.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import type { Registration } from "../registry-ports.ts";

/** Slices with the order to leave in those of clusters that were told to. */
export function withLeaving(
  contents: ReadonlyMap<string, SliceContent>,
  registrations: readonly Registration[],
): ReadonlyMap<string, SliceContent> {
  const orders = new Map(registrations.flatMap(({ id, leaving }) => (leaving === undefined ? [] : [[id, leaving]])));
  if (orders.size === 0) return contents;
  return new Map(
    [...contents].map(([cluster, content]): [string, SliceContent] => {
      const order = orders.get(cluster);
      if (order === undefined) return [cluster, content];
      const { mode, id, expiresAtMs } = order;
      return [cluster, { ...content, leaving: { mode, id, expiresAtMs } }];
    }),
  );
}

/** Warnings for files of clusters that were taken out of the fleet, and that no other cluster has the name of now. */
export function findForgotten(
  files: readonly ClusterFile[],
  registrations: readonly Registration[],
): readonly Problem[] {
  const known = new Set(registrations.filter(({ forgotten }) => forgotten === undefined).map(({ name }) => name));
  const forgotten = new Map(
    registrations.flatMap(({ name, forgotten: how }) => (how === undefined ? [] : [[name, how] as const])),
  );
  return files.flatMap(({ name, declaredAt }): Problem[] => {
    const how = forgotten.get(name);
    if (how === undefined || known.has(name)) return [];
    const when = new Date(how.atMs).toISOString();
    return [
      {
        severity: "warning",
        code: "forgotten-cluster",
        message: `cluster "${name}" was taken out of the fleet by ${how.by} (${when}): its file has no effect; remove it, or let the cluster join again`,
        place: declaredAt,
        cluster: name,
      },
    ];
  });
}
