import type { AppSettings } from "@axle/core/fleet/app.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { Drift } from "@axle/core/status/report.ts";
import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { AppBoard } from "./app-board.ts";
import { describeChange } from "./describe-change.ts";
import { explainDrift } from "./explain-drift.ts";
import type { DriftExplanation } from "./explain-drift.ts";
import { Fights } from "./fights.ts";
import type { KnownObject, ObjectBook } from "./object-book.ts";
import type { OwnedObjects } from "./owned-objects.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";
import type { UnknownFields } from "./unknown-fields.ts";

export interface DriftCorrectorOptions {
  readonly book: ObjectBook;
  readonly board: AppBoard;
  readonly owned: () => OwnedObjects;
  readonly log: Logger;
  readonly now: () => number;
  /** Of the slice being reconciled; undefined for an app that is not in it. */
  readonly settingsOf: (app: string) => AppSettings | undefined;
  /** Whether a pack has the object: what only waits for its deletion is left as people make it. */
  readonly isDeclared: (id: ObjectId) => boolean;
  readonly isAppPaused: (app: string) => boolean;
}

const CONCURRENCY = 8;

/** Puts right what somebody else changed: at once, later and later where they insist, not at all where the app says so. */
export class DriftCorrector {
  readonly #options: DriftCorrectorOptions;
  readonly #queue: KeyedQueue;
  readonly #fights = new Fights();
  /** Found and not yet put right. */
  readonly #found = new Map<ObjectId, Drift>();
  /** Objects that others added something to that is to go. */
  readonly #expelled = new Map<ObjectId, KubeObject>();

  constructor(options: DriftCorrectorOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue({
      name: "drift",
      concurrency: CONCURRENCY,
      log: options.log,
      work: (id, signal) => this.#correct(id, signal),
      backoff: { firstMs: 500, longestMs: 60_000 },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  /** A look at the server has to tell whether the object is there and as it should be. */
  doubt(id: ObjectId): void {
    this.#options.book.update(id, { standing: "unsure" });
    this.#queue.add(id);
  }

  /** `live` undefined: it was deleted. */
  found(known: KnownObject, live: KubeObject | undefined): void {
    const { board, settingsOf, isDeclared, isAppPaused, log, now } = this.#options;
    const { id, app } = known;
    const settings = settingsOf(app);
    if (settings === undefined || !isDeclared(id) || isAppPaused(app)) return;
    const nowMs = now();
    const explained =
      live === undefined
        ? { manager: "", operation: "Delete", atMs: nowMs, paths: [], changes: [] }
        : this.#explain(known, live, nowMs);
    const isHealed = settings.sync.selfHeal && settings.sync.mode === "auto";
    const turn = this.#fights.note(id, explained.paths, nowMs);
    const action = !isHealed ? "reported" : turn.fighting ? "fighting" : "corrected";
    const drift: Drift = { object: id, ...explained, action, correctedAtMs: 0 };
    const { manager, operation, paths } = explained;
    log.warn({ app, object: id, manager, operation, paths, action }, "drift found");
    if (action !== "corrected") board.drifted(app, drift);
    if (!isHealed) return;
    this.#found.set(id, drift);
    if (turn.delayMs === 0) this.#queue.add(id);
    else this.#queue.addAfter(id, turn.delayMs);
  }

  /** Others added something inside `spec` that no pack has: told, and taken away where the app says so. */
  foundUnknown(known: KnownObject, live: KubeObject, found: readonly UnknownFields[]): void {
    const { board, book, settingsOf, isDeclared, isAppPaused, log, now } = this.#options;
    const { id, app } = known;
    const settings = settingsOf(app);
    if (settings === undefined || !isDeclared(id) || isAppPaused(app)) return;
    const { mode, selfHeal, unknownFields } = settings.sync;
    const isRemoved = mode === "auto" && selfHeal && unknownFields === "remove";
    const nowMs = now();
    for (const { entry, paths } of found) {
      const { manager, operation, time } = entry;
      const atMs = time === undefined ? nowMs : Date.parse(time);
      const changes = paths.map((path) => describeChange(known.source, live, path));
      const named = changes.map(({ path }) => path);
      log.warn({ app, object: id, manager, operation, paths: named, isRemoved }, "unknown fields found");
      const drift = { object: id, manager, operation, atMs, paths: named, changes, correctedAtMs: 0 };
      if (!isRemoved) {
        board.drifted(app, { ...drift, action: "reported" });
        continue;
      }
      const turn = this.#fights.note(id, named, nowMs);
      if (turn.fighting) board.drifted(app, { ...drift, action: "fighting" });
      book.update(id, { standing: "drifted", drift: named.join(" ") });
      this.#found.set(id, { ...drift, action: turn.fighting ? "fighting" : "corrected" });
      this.#expelled.set(id, live);
      if (turn.delayMs === 0) this.#queue.add(id);
      else this.#queue.addAfter(id, turn.delayMs);
    }
  }

  async #correct(id: ObjectId, signal: AbortSignal): Promise<void> {
    const { book, board, owned, now, settingsOf, isDeclared, isAppPaused } = this.#options;
    const known = book.get(id);
    if (known === undefined || settingsOf(known.app) === undefined || !isDeclared(id)) return;
    if (known.standing === "unsure") {
      await owned().look(known, signal);
      return;
    }
    const stillWanted = () => {
      const at = book.get(id);
      return at?.standing === "drifted" && at.source === known.source && !at.paused && !isAppPaused(at.app);
    };
    if (!stillWanted()) return;
    const { app, source } = known;
    const expel = this.#expelled.get(id);
    await owned().write({ id, app, source, expel, signal, stillWanted });
    this.#expelled.delete(id);
    const drift = this.#found.get(id);
    this.#found.delete(id);
    if (drift !== undefined) board.drifted(app, { ...drift, correctedAtMs: now() });
  }

  #explain(known: KnownObject, live: KubeObject, nowMs: number): DriftExplanation {
    const owned = this.#options.owned();
    const yielded = owned.yieldedPaths(known, live);
    return explainDrift(owned.prepare(known, undefined), live, { manager: FIELD_MANAGER, nowMs, yielded });
  }
}
