import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { ownerOf } from "./adoption.ts";
import type { InventoryStore } from "./inventory-store.ts";
import { loadLive } from "./live-loader.ts";
import type { ObjectBook } from "./object-book.ts";
import { isLeftAlone } from "./object-policy.ts";
import type { OwnedObjects } from "./owned-objects.ts";
import { isSurelyApplied } from "./owned-state.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";
import type { ResolvedSlice } from "./resolved-app.ts";

export interface UnknownLoading {
  readonly client: KubeClient;
  readonly cluster: string;
  readonly book: ObjectBook;
  readonly owned: OwnedObjects;
  readonly inventories: InventoryStore;
}

/**
 * After a start: what an inventory holds and we know nothing of is looked up. What is surely as it should be is settled
 * and need not be dry-run; the rest is returned as it was found.
 */
export async function loadUnknown(
  slice: ResolvedSlice,
  loading: UnknownLoading,
  signal: AbortSignal,
): Promise<ReadonlyMap<ObjectId, KubeObject>> {
  const { client, cluster, book, owned, inventories } = loading;
  const loaded = new Map<ObjectId, KubeObject>();
  const held = new Set(inventories.apps.flatMap((app) => inventories.idsOf(app)));
  const unknown = slice.apps
    .flatMap((app) => app.objects)
    .filter(({ id }) => book.get(id) === undefined && held.has(id));
  await loadLive(client, {
    objects: unknown,
    signal,
    onLive: ({ id, source }, live) => {
      const app = slice.claims.get(id) ?? "";
      const isOurs = ownerOf(live, cluster).kind === "ours" && !isLeftAlone(source, live);
      const isSure = isOurs && isSurelyApplied(owned.prepare({ id, app, source }, live), live, FIELD_MANAGER);
      if (isSure) owned.settle(id, app, { source, live });
      else loaded.set(id, live);
    },
  });
  return loaded;
}
