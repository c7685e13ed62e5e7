import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { AppBoard } from "./app-board.ts";
import type { CurrentSlice } from "./current-slice.ts";
import { forgetDeleted } from "./gone-apps.ts";
import { INVENTORY_KIND } from "./inventory-store.ts";
import type { InventoryStore } from "./inventory-store.ts";
import type { ObjectBook } from "./object-book.ts";
import { PAUSED_IN_CLUSTER } from "./object-policy.ts";
import type { KindKey } from "./owned-watches.ts";
import type { Pruner } from "./pruner.ts";
import type { StrayObjects } from "./stray-objects.ts";

export interface OwnEventsOptions {
  readonly slice: CurrentSlice;
  readonly inventories: InventoryStore;
  readonly board: AppBoard;
  readonly book: ObjectBook;
  readonly pruner: () => Pruner;
  readonly strays: StrayObjects;
  readonly log: Logger;
  /** Something of an app that a pass left undone can be done now. */
  readonly onPassWanted: (app: string) => void;
}

/**
 * What watches tell beside drift: a deletion that took its time is through, and a person paused an app on its inventory.
 * Acted on at once, whether a pass runs or not.
 */
export class OwnEvents {
  readonly #options: OwnEventsOptions;
  #signal: AbortSignal | undefined;

  constructor(options: OwnEventsOptions) {
    this.#options = options;
  }

  /** From now on, until the signal: before it nothing is written. */
  begin(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** Anything of our label came by; `live` undefined: it is gone. */
  seen(id: ObjectId, live: KubeObject | undefined): void {
    const { pruner, slice, strays } = this.#options;
    if (live !== undefined && `${live.apiVersion}/${live.kind}` === INVENTORY_KIND) this.#seenInventory(live);
    if (live === undefined) this.#restore(id);
    if (!slice.declares(id)) strays.seen(id, live);
    const asked = pruner().observe(id, live);
    if (live === undefined && !slice.declares(id)) this.#forget(id, asked);
  }

  /** All of a kind was listed: what is not there any more went before anybody watched. */
  listed(kind: KindKey, ids: ReadonlySet<ObjectId>): void {
    const { pruner, inventories } = this.#options;
    for (const id of pruner().missing(kind, ids)) this.seen(id, undefined);
    if (kind === INVENTORY_KIND) for (const id of inventories.ownIds) if (!ids.has(id)) this.#restore(id);
  }

  /** An inventory that somebody deleted is written again: without it nothing of its app could ever be deleted. */
  #restore(id: ObjectId): void {
    const { inventories, log } = this.#options;
    const signal = this.#signal;
    if (signal === undefined || !inventories.isOwn(id)) return;
    inventories.restore(id, signal).then(
      () => log.warn({ object: id }, "inventory was deleted by somebody and is written again"),
      (error: unknown) => log.warn({ object: id, error }, "inventory not written again, left to the next pass"),
    );
  }

  /** Takes what is gone for good from the inventories that hold it; `asked`: the app whose prune deleted it. */
  #forget(id: ObjectId, asked: string | undefined): void {
    const { slice, inventories, board, book, log } = this.#options;
    const signal = this.#signal;
    if (signal === undefined) return;
    const holders = asked === undefined ? inventories.apps.filter((app) => inventories.has(app, id)) : [asked];
    for (const app of holders) {
      book.forget(id);
      forgetDeleted({ app, id, inventories, board, isGone: !slice.has(app) }, signal).catch((error: unknown) =>
        log.warn({ app, object: id, error }, "inventory not updated, left to the next pass"),
      );
    }
  }

  /** A person pauses an app, or lets it go on, by an annotation on its inventory: at once, whatever runs. */
  #seenInventory(live: KubeObject): void {
    const { inventories, board, log, onPassWanted } = this.#options;
    const change = inventories.observe(live);
    if (change === undefined) return;
    const { app, paused } = change;
    log.info({ app, paused }, "app paused or resumed in the cluster");
    if (paused) board.set(app, { sync: "Blocked", message: PAUSED_IN_CLUSTER });
    else onPassWanted(app);
  }
}
