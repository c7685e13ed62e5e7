import type { ObjectId } from "@axle/core/manifest/object.ts";
import { isTimeout } from "@axle/runtime/stop-error.ts";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { AppBoard } from "./app-board.ts";
import type { ObjectBook } from "./object-book.ts";
import type { OwnedObjects } from "./owned-objects.ts";

export interface HealthWait {
  readonly app: string;
  /** Only these objects of it; all when not given. */
  readonly ids?: ReadonlySet<ObjectId> | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly board: AppBoard;
  readonly book: ObjectBook;
  readonly owned: OwnedObjects;
  /** Whether changes of objects of this `apiVersion/Kind` arrive by themselves. */
  readonly isWatched: (kind: string) => boolean;
}

const LOOK_EVERY_MS = 2_000;

/** True when the app became healthy in time. Events tell; only what no watch covers is looked at from time to time. */
export async function awaitHealth(wait: HealthWait): Promise<boolean> {
  const { app, ids, board, timeoutMs } = wait;
  if (board.isHealthy(app, ids)) return true;
  const looking = new AbortController();
  try {
    await withDeadline({ timeoutMs, signal: wait.signal, what: `health of ${app}` }, (signal) => {
      const looks = AbortSignal.any([signal, looking.signal]);
      lookAtUnwatched(wait, looks).catch(() => undefined);
      return board.awaitHealthy(app, signal, ids);
    });
    return true;
  } catch (error) {
    wait.signal.throwIfAborted();
    if (isTimeout(error)) return false;
    throw error;
  } finally {
    looking.abort();
  }
}

async function lookAtUnwatched(wait: HealthWait, signal: AbortSignal): Promise<void> {
  const { app, ids, board, book, owned, isWatched } = wait;
  while (!board.isHealthy(app, ids)) {
    await sleep(LOOK_EVERY_MS, signal);
    for (const id of board.unhealthyIdsOf(app)) {
      const known = book.get(id);
      if (known === undefined || isWatched(`${known.source.apiVersion}/${known.source.kind}`)) continue;
      try {
        await owned.look(known, signal);
      } catch {
        // One failing read says nothing of the next.
        signal.throwIfAborted();
      }
    }
  }
}
