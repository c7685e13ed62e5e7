import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { AppBoard } from "./app-board.ts";
import { describeId } from "./app-board.ts";
import type { CurrentSlice } from "./current-slice.ts";
import type { InventoryStore } from "./inventory-store.ts";
import { isBeingDeleted } from "./live-meta.ts";
import { isKeptFromPrune } from "./object-policy.ts";
import { markOf } from "./ownership-mark.ts";

export interface StrayObjectsOptions {
  readonly cluster: string;
  readonly slice: CurrentSlice;
  readonly inventories: InventoryStore;
  readonly board: AppBoard;
  readonly log: Logger;
}

const MOST_NAMED = 5;

/**
 * S2: what carries our mark and is in no inventory and no pack is told, never deleted. It comes about when somebody deletes an
 * inventory while the agent is away: what it held beyond the packs is known from the marks alone, and a mark can be copied.
 * Seen where a kind is watched anyway; nothing is listed for it.
 */
export class StrayObjects {
  readonly #options: StrayObjectsOptions;
  /** The app that each says it is of. */
  readonly #found = new Map<ObjectId, string>();

  constructor(options: StrayObjectsOptions) {
    this.#options = options;
  }

  /** How many there are, for the agent's own status. */
  get count(): number {
    return this.#found.size;
  }

  /** An object with our label came by; undefined: it is gone. */
  seen(id: ObjectId, live: KubeObject | undefined): void {
    const { cluster, log } = this.#options;
    const mark = live === undefined ? undefined : markOf(live);
    const isOurs = mark?.cluster === cluster && live !== undefined && !isBeingDeleted(live) && !isKeptFromPrune(live);
    if (isOurs && !this.#isKnown(id)) {
      if (this.#found.get(id) === mark.app) return;
      this.#found.set(id, mark.app);
      log.info(
        { app: mark.app, object: id },
        "object with our mark is in no inventory and no pack, it is left in place",
      );
      this.#tell(mark.app);
      return;
    }
    const app = this.#found.get(id);
    if (app === undefined) return;
    this.#found.delete(id);
    this.#tell(app);
  }

  /** Slice or inventories are others: what is in them now is none any more. */
  judgeAgain(): void {
    for (const [id, app] of this.#found) {
      if (!this.#isKnown(id)) continue;
      this.#found.delete(id);
      this.#tell(app);
    }
  }

  #isKnown(id: ObjectId): boolean {
    const { slice, inventories } = this.#options;
    return slice.declares(id) || inventories.apps.some((app) => inventories.has(app, id));
  }

  /** An app that is not in the slice has no report to say it in. */
  #tell(app: string): void {
    const { slice, board } = this.#options;
    if (slice.has(app)) board.set(app, { strays: this.#say(app) });
  }

  #say(app: string): string {
    const ids = [...this.#found].filter(([, of]) => of === app).map(([id]) => id);
    if (ids.length === 0) return "";
    const named = ids.toSorted().slice(0, MOST_NAMED).map(describeId).join(", ");
    const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : "";
    return `left in place, for no inventory has it though it carries the mark of this app: ${named}${more}`;
  }
}
