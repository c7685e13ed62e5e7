import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { AppBoard } from "./app-board.ts";
import type { KindKey } from "./owned-watches.ts";
import { sayBlocked } from "./prune-candidates.ts";

/** Deletions that were asked for and are not finished, each with the app whose inventory holds the object. */
export class AskedDeletions {
  readonly #board: AppBoard;
  readonly #asked = new Map<ObjectId, { readonly app: string; readonly kind: KindKey }>();

  constructor(board: AppBoard) {
    this.#board = board;
  }

  /** Kinds whose events tell when a deletion is through. */
  get kinds(): readonly KindKey[] {
    return [...this.#asked.values()].map(({ kind }) => kind);
  }

  get ids(): readonly ObjectId[] {
    return [...this.#asked.keys()];
  }

  has(id: ObjectId): boolean {
    return this.#asked.has(id);
  }

  of(app: string): readonly ObjectId[] {
    return [...this.#asked].flatMap(([id, asked]) => (asked.app === app ? [id] : []));
  }

  add(app: string, id: ObjectId, live: KubeObject): void {
    this.#asked.set(id, { app, kind: `${live.apiVersion}/${live.kind}` });
    this.#board.pruning(app, id, sayBlocked(id, live));
  }

  forget(id: ObjectId): void {
    this.#asked.delete(id);
  }

  /** The object came by: says where its deletion stands. Returns the app when it is through. */
  observe(id: ObjectId, live: KubeObject | undefined): string | undefined {
    const asked = this.#asked.get(id);
    if (asked === undefined) return undefined;
    this.#board.pruning(asked.app, id, live === undefined ? undefined : sayBlocked(id, live));
    return live === undefined ? asked.app : undefined;
  }

  /** Of a kind, what was not there when all of it was listed: it went before anybody watched. */
  missing(kind: KindKey, listed: ReadonlySet<ObjectId>): readonly ObjectId[] {
    return [...this.#asked].flatMap(([id, asked]) => (asked.kind === kind && !listed.has(id) ? [id] : []));
  }
}
