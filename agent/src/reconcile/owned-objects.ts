import type { PreparedCheck } from "@axle/core/health/health-checks.ts";
import { healthOf } from "@axle/core/health/health-of.ts";
import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { handOverPatch } from "./adoption.ts";
import { lostPaths } from "./explain-drift.ts";
import type { FieldPath } from "./field-path.ts";
import { isYielded, mayYield, yieldFields, yieldedPaths } from "./ignored-fields.ts";
import type { Yielding } from "./ignored-fields.ts";
import type { AppClients } from "./app-clients.ts";
import { describeId } from "./app-board.ts";
import type { AppBoard } from "./app-board.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { isBeingDeleted, isNewer, resourceVersionOf, uidOf } from "./live-meta.ts";
import type { KnownObject, ObjectBook } from "./object-book.ts";
import { fingerprintOwned } from "./owned-state.ts";
import type { KindKey, OwnedSink } from "./owned-watches.ts";
import { PAUSED_IN_CLUSTER, isLeftAlone, isMerged, isPaused } from "./object-policy.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";
import { claimPatch, keyOfUnknown, unknownFields } from "./unknown-fields.ts";
import type { KnownFields, UnknownFields } from "./unknown-fields.ts";
import { migrationPatch } from "./version-migration.ts";
import { prepareObject } from "./prepare-object.ts";
import { removeForRecreation } from "./recreation.ts";
import { ReconcileError } from "./reconcile-error.ts";

export interface OwnedObjectsOptions {
  readonly client: KubeClient;
  readonly clients: AppClients;
  readonly cluster: string;
  readonly book: ObjectBook;
  readonly board: AppBoard;
  readonly now: () => number;
  /** The app's own rules of health. */
  readonly checksOf: (app: string) => readonly PreparedCheck[];
  /** Whether a person paused the app in the cluster: nothing of it is written. */
  readonly isAppPaused: (app: string) => boolean;
  /** Which fields of the object are others' to set. */
  readonly yieldingOf: (object: DeclaredObject) => Yielding;
  /** Counts a deletion against the budget of the cluster's owner; why it has to wait, when there is no room. */
  readonly takeDeletion: (signal: AbortSignal) => Promise<string | undefined>;
  /** An object is not as we applied it; undefined: it is gone. */
  readonly onDrift: (known: KnownObject, live: KubeObject | undefined) => void;
  /** Others added something inside `spec`. */
  readonly onUnknown: (known: KnownObject, live: KubeObject, found: readonly UnknownFields[]) => void;
  /** A look at the server has to tell whether an object is still there. */
  readonly onDoubt: (id: ObjectId) => void;
  /** Anything of our label that came by, whether we know it or not. */
  readonly onEvent: (id: ObjectId, live: KubeObject | undefined) => void;
  /** Everything of a kind that is there and ours. */
  readonly onListed: (kind: KindKey, ids: ReadonlySet<ObjectId>) => void;
}

export interface DeclaredObject {
  readonly id: ObjectId;
  readonly app: string;
  readonly source: KubeObject;
}

export interface WriteRequest extends DeclaredObject {
  /** The live object, when it was somebody else's: former managers' fields are taken over first. */
  readonly adopt?: KubeObject | undefined;
  /** The live object, when what others added inside its `spec` is to go. */
  readonly expel?: KubeObject | undefined;
  /** The live object, when its owners' entries are of a version that is no longer served. */
  readonly migrate?: KubeObject | undefined;
  /** Fields of the live object are others' to set. */
  readonly yields?: boolean | undefined;
  /** The uid of the live object, which has to go first. */
  readonly recreate?: string | undefined;
  readonly signal: AbortSignal;
  /** Asked when it is this write's turn; false lets it go. */
  readonly stillWanted?: () => boolean;
}

const HAND_OVER_TRIES = 3;
/** What {@link KnownObject.drift} is for an object that was deleted. */
const GONE = "gone";

/**
 * The one place where objects are written and their events judged. Writes of one object never overlap, and events that
 * arrive meanwhile are judged afterwards, so that our own change is never taken for drift.
 */
export class OwnedObjects implements OwnedSink {
  readonly #options: OwnedObjectsOptions;
  readonly #lock = new KeyedLock();
  /** Being written, with the last event that came meanwhile. */
  readonly #writing = new Map<ObjectId, { readonly live: KubeObject; readonly gone: boolean } | undefined>();

  constructor(options: OwnedObjectsOptions) {
    this.#options = options;
  }

  /** Applies one object and remembers it. */
  async write(request: WriteRequest): Promise<void> {
    await this.#lock.run(request.id, async () => {
      if (request.stillWanted?.() === false) return;
      request.signal.throwIfAborted();
      if (this.#options.isAppPaused(request.app)) throw new ReconcileError("paused", PAUSED_IN_CLUSTER);
      this.#writing.set(request.id, undefined);
      try {
        await this.#apply(request);
      } catch (error) {
        // Cut off, it may have been written: nothing is known of it until somebody looks.
        const { book } = this.#options;
        if (book.get(request.id)?.source !== request.source) book.forget(request.id);
        throw error;
      } finally {
        const held = this.#writing.get(request.id);
        this.#writing.delete(request.id);
        if (held !== undefined) this.#judge(request.id, held.live, held.gone);
      }
    });
  }

  /** Remembers an object that is as it should be. */
  settle(id: ObjectId, app: string, entry: { readonly source: KubeObject; readonly live: KubeObject }): void {
    const { book, board, now } = this.#options;
    const health = healthOf(entry.live, now(), this.#options.checksOf(app));
    const before = book.get(id);
    const yields = this.yieldedPaths({ id, app, source: entry.source }, entry.live).length > 0;
    book.settled(id, { app, ...entry, yields, health });
    if (before !== undefined && before.app !== app) board.judge(before.app, id, undefined);
    board.judge(app, id, health);
    this.#noteUnknown(id, entry.live);
  }

  /** Paths of the live object that are others' to set. */
  yieldedPaths(object: DeclaredObject, live: KubeObject): readonly FieldPath[] {
    return yieldedPaths(object.source, live, this.#options.yieldingOf(object));
  }

  /** Whether the live object has to be read before this one is applied over it. */
  mayYield(object: DeclaredObject): boolean {
    const { book, yieldingOf } = this.#options;
    return book.get(object.id)?.yields === true || mayYield(object.source, yieldingOf(object));
  }

  /** What is sent to the server for an object, over the live one where that is known. */
  prepare(object: DeclaredObject, live: KubeObject | undefined): KubeObject {
    const prepared = prepareObject(object.source, { cluster: this.#options.cluster, app: object.app });
    if (live === undefined) return prepared;
    return yieldFields({ prepared, live, paths: this.yieldedPaths(object, live), manager: FIELD_MANAGER });
  }

  /** Looks at one object now. */
  async look(known: KnownObject, signal: AbortSignal): Promise<void> {
    const { apiVersion, kind, metadata } = known.source;
    const address = { apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name };
    const live = await this.#options.client.get(address, signal);
    if (live === undefined) this.#lost(known);
    else this.seen(live);
  }

  /** A dry-run showed what its fields do not: an apply would change the object. */
  differs(known: KnownObject, live: KubeObject): void {
    this.#options.book.update(known.id, { standing: "drifted", drift: known.fingerprint });
    this.#options.onDrift(known, live);
  }

  seen(live: KubeObject): void {
    const id = idOf(live);
    this.#options.onEvent(id, live);
    if (this.#writing.has(id)) this.#writing.set(id, { live, gone: false });
    else this.#judge(id, live, false);
  }

  gone(last: KubeObject): void {
    const id = idOf(last);
    this.#options.onEvent(id, undefined);
    if (this.#writing.has(id)) this.#writing.set(id, { live: last, gone: true });
    else this.#judge(id, last, true);
  }

  listed(kind: KindKey, ids: ReadonlySet<ObjectId>, resourceVersion: string): void {
    for (const known of this.#options.book.values()) {
      if (`${known.source.apiVersion}/${known.source.kind}` !== kind || ids.has(known.id)) continue;
      if (this.#writing.has(known.id) || isNewer(known.resourceVersion, resourceVersion)) continue;
      this.#options.onDoubt(known.id);
    }
    this.#options.onListed(kind, ids);
  }

  async #apply(request: WriteRequest): Promise<void> {
    const { id, app, source, signal } = request;
    const client = this.#options.clients.of(app);
    if (request.recreate !== undefined) {
      const wait = await this.#options.takeDeletion(signal);
      if (wait !== undefined) throw new KubeError("forbidden", `${describeId(id)}: to be recreated, ${wait}`);
      await removeForRecreation(client, source, { uid: request.recreate, signal });
    }
    if (request.migrate !== undefined) {
      await this.#handOver(request.migrate, (live) => migrationPatch(live, source.apiVersion), request);
    }
    if (request.expel !== undefined) {
      const expel = (live: KubeObject, manager: string) => claimPatch(live, manager, this.#knownFields(request, live));
      await this.#handOver(request.expel, expel, request);
    }
    const adopted =
      request.adopt === undefined ? undefined : await this.#handOver(request.adopt, handOverPatch, request);
    const isRead = adopted === undefined && (request.yields === true || this.mayYield(request));
    const before = isRead ? await client.get(addressOf(source), signal) : adopted;
    const live = await client.apply(this.prepare(request, before), { manager: FIELD_MANAGER, signal });
    this.settle(id, app, { source, live });
  }

  async #handOver(
    first: KubeObject,
    patchOf: typeof handOverPatch,
    { app, signal }: WriteRequest,
  ): Promise<KubeObject | undefined> {
    const client = this.#options.clients.of(app);
    const { apiVersion, kind, metadata } = first;
    const address = { apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name };
    let live: KubeObject | undefined = first;
    for (let attempt = 1; live !== undefined; attempt += 1) {
      const patch = patchOf(live, FIELD_MANAGER);
      if (patch === undefined) return live;
      try {
        return await client.jsonPatch(address, patch, signal);
      } catch (error) {
        const { code } = KubeError.from(error);
        if (attempt >= HAND_OVER_TRIES || (code !== "conflict" && code !== "invalid")) throw error;
        live = await client.get(address, signal);
      }
    }
    return undefined;
  }

  /** Whether all that changed is others' to set. */
  #isYielded(known: KnownObject, live: KubeObject): boolean {
    const paths = this.yieldedPaths(known, live);
    if (paths.length === 0) return false;
    const lost = lostPaths(this.prepare(known, undefined), live, FIELD_MANAGER);
    return lost.length > 0 && isYielded(lost, paths);
  }

  #judge(id: ObjectId, live: KubeObject, isGone: boolean): void {
    const { book, board, now, onDrift } = this.#options;
    const known = book.get(id);
    if (known === undefined || known.source.apiVersion !== live.apiVersion) return;
    const resourceVersion = resourceVersionOf(live);
    if (known.standing !== "unsure" && !isNewer(resourceVersion, known.resourceVersion)) return;
    if (isGone) {
      this.#lost(known);
      return;
    }
    const health = healthOf(live, now(), this.#options.checksOf(known.app));
    const paused = isLeftAlone(known.source, live);
    book.update(id, { resourceVersion, health, paused, uid: uidOf(live) });
    board.judge(known.app, id, health);
    if (paused || isBeingDeleted(live)) return;
    this.#noteUnknown(id, live);
    const fingerprint = fingerprintOwned(known.source, live, FIELD_MANAGER) ?? "";
    if (fingerprint === (known.fingerprint ?? "")) {
      book.update(id, { standing: "clean", drift: undefined });
    } else if (this.#isYielded(known, live)) {
      book.update(id, { standing: "clean", drift: undefined, fingerprint, yields: true });
    } else if (known.standing !== "drifted" || known.drift !== fingerprint) {
      book.update(id, { standing: "drifted", drift: fingerprint });
      onDrift(known, live);
    }
  }

  /** Tells once of what others added, and again when it is something else. */
  #noteUnknown(id: ObjectId, live: KubeObject): void {
    const { book, onUnknown } = this.#options;
    const known = book.get(id);
    if (known === undefined || known.paused) return;
    const beside = isMerged(known.source, live) ? [] : unknownFields(live, FIELD_MANAGER);
    const found = beside.length === 0 ? [] : unknownFields(live, FIELD_MANAGER, this.#knownFields(known, live));
    const unknown = keyOfUnknown(found);
    if (unknown === known.unknown) return;
    book.update(id, { unknown });
    if (found.length > 0) onUnknown(known, live, found);
  }

  #knownFields(object: DeclaredObject, live: KubeObject): KnownFields {
    return { declared: this.prepare(object, undefined), ignored: this.yieldedPaths(object, live) };
  }

  #lost(known: KnownObject): void {
    const { book, board, onDrift } = this.#options;
    if (known.drift === GONE) return;
    if (isPaused(known.source)) {
      book.forget(known.id);
      board.judge(known.app, known.id, undefined);
      return;
    }
    book.update(known.id, { standing: "drifted", drift: GONE, paused: false });
    board.judge(known.app, known.id, { health: "Missing", message: "deleted by somebody else" });
    onDrift(known, undefined);
  }
}
