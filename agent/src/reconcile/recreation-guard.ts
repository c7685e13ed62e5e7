import { createHash } from "node:crypto";
import { findApproval } from "@axle/core/guard/deletion-guard.ts";
import { recreationSetText } from "@axle/core/guard/recreation-set.ts";
import type { RecreatedObject } from "@axle/core/guard/recreation-set.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import type { AppBoard } from "./app-board.ts";
import { describeId } from "./app-board.ts";

export interface RecreationGuardOptions {
  readonly cluster: string;
  readonly board: AppBoard;
  /** On the hub's clock: approvals expire by it. */
  readonly hubNow: () => number;
  /** Remembers for good that approvals were acted on, by id. */
  readonly useApprovals: (ids: ReadonlySet<string>, signal: AbortSignal) => Promise<void>;
}

/** An object that can only be changed by deleting it, and what a person has to know before. */
export interface PreciousObject extends RecreatedObject {
  /** What would be lost with it. */
  readonly risk: string;
}

/** Lets what holds data, or everything below it, be deleted and made anew only when a person approved that very set (S4). */
export class RecreationGuard {
  readonly #options: RecreationGuardOptions;
  #approvals: readonly DeletionApproval[] = [];
  #used: ReadonlySet<string> = new Set();
  /** Apps whose report says that a recreation waits. */
  readonly #waiting = new Set<string>();

  constructor(options: RecreationGuardOptions) {
    this.#options = options;
  }

  /** What the slice of this pass allows. */
  begin(approvals: readonly DeletionApproval[], used: ReadonlySet<string>): void {
    this.#approvals = approvals;
    this.#used = used;
  }

  /** Whether all of these may be recreated; when not, the app's report asks for a person. Call with none when there are none. */
  async admit(app: string, objects: readonly PreciousObject[], signal: AbortSignal): Promise<boolean> {
    const { cluster, board, hubNow, useApprovals } = this.#options;
    const hash = createHash("sha256")
      .update(recreationSetText(cluster, app, objects))
      .digest("hex");
    const given = { approvals: this.#approvals, usedApprovals: this.#used, nowMs: hubNow() };
    const approval = objects.length === 0 ? undefined : findApproval(given, app, hash);
    if (objects.length === 0 || approval !== undefined) {
      if (approval !== undefined) await useApprovals(new Set([approval.id]), signal);
      if (this.#waiting.delete(app)) board.set(app, { pendingDeletion: undefined });
      return true;
    }
    const ids = objects.map(({ id }) => id).sort();
    const [first] = objects;
    const more = objects.length > 1 ? `, and ${objects.length - 1} more` : "";
    const reason = `${describeId(first?.id ?? "")} would be deleted and made anew: ${first?.risk ?? ""}${more}`;
    this.#waiting.add(app);
    board.set(app, { pendingDeletion: { hash, reason, objects: ids } });
    return false;
  }
}
