import { formatId, groupOf, parseId } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { KubeClient, ObjectAddress } from "../adapters/kube/kube-client.ts";
import { AXLE_API_VERSION, AXLE_NAMESPACE } from "./axle-crds.ts";
import { includesAll } from "./deep-equal.ts";
import { newInventory, statusOf, takePart } from "./held-inventory.ts";
import type { HeldInventory } from "./held-inventory.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { uidOf } from "./live-meta.ts";
import { isPaused } from "./object-policy.ts";
import { APP_LABEL, FIELD_MANAGER } from "./ownership-mark.ts";

const MOST_PER_PART = 3_000;
const KIND = "AxleInventory";
/** `apiVersion/Kind`, as watches name it. */
export const INVENTORY_KIND = `${AXLE_API_VERSION}/${KIND}`;

interface AddOptions {
  /** Whether objects of the app that leave Git are deleted. */
  readonly prune: boolean;
  /** Noted when it makes the inventory. */
  readonly run?: string;
  /** Service account the app is applied as, `namespace/name`. */
  readonly account?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * What each app owns, kept as `AxleInventory` objects and mirrored in memory: we are their only writer. A write that
 * would change nothing is not made.
 */
export class InventoryStore {
  readonly #client: KubeClient;
  readonly #cluster: string;
  readonly #mostPerPart: number;
  readonly #apps = new Map<string, HeldInventory>();
  readonly #lock = new KeyedLock();

  constructor(client: KubeClient, cluster: string, mostPerPart: number = MOST_PER_PART) {
    this.#client = client;
    this.#cluster = cluster;
    this.#mostPerPart = mostPerPart;
  }

  /** Reads everything from the cluster. */
  async load(signal: AbortSignal): Promise<void> {
    const resource = await this.#client.discovery.find(AXLE_API_VERSION, KIND);
    const found = new Map<string, HeldInventory>();
    for await (const page of this.#client.list(resource, { namespace: AXLE_NAMESPACE, pageSize: 50, signal })) {
      for (const item of page.items) takePart(found, item, this.#cluster);
    }
    this.#apps.clear();
    for (const [app, held] of found) this.#apps.set(app, held);
  }

  get apps(): readonly string[] {
    return [...this.#apps.keys()];
  }

  has(app: string, id: ObjectId): boolean {
    return this.#apps.get(app)?.where.has(id) === true;
  }

  idsOf(app: string): readonly ObjectId[] {
    return [...(this.#apps.get(app)?.where.keys() ?? [])];
  }

  prunes(app: string): boolean {
    return this.#apps.get(app)?.prune ?? true;
  }

  /** Of the object that stands for the app. */
  uidOf(app: string): string | undefined {
    return this.#apps.get(app)?.parts.get(0)?.uid;
  }

  /** The service account the app was last applied as: its objects go in the same name when it leaves. */
  accountOf(app: string): string | undefined {
    return this.#apps.get(app)?.account;
  }

  /** Whether the app comes to the cluster with this run. */
  isNew(app: string, run: string): boolean {
    const held = this.#apps.get(app);
    return held === undefined || held.since === run;
  }

  /** Whether the app owns something and was ever applied and healthy here, also before a restart. */
  isSettled(app: string): boolean {
    const held = this.#apps.get(app);
    return held?.settled === true && held.where.size > 0;
  }

  /** The app is applied and healthy; the next write of its status says so. Returns whether that is news. */
  settle(app: string): boolean {
    const held = this.#apps.get(app);
    if (held === undefined || held.settled) return false;
    held.settled = true;
    return true;
  }

  /** The run in which a hook of the app last succeeded. */
  ranAt(app: string, hook: ObjectId): string | undefined {
    return this.#apps.get(app)?.ran.get(hook);
  }

  /** Whether an annotation on the inventory stops the app. */
  isPaused(app: string): boolean {
    return this.#apps.get(app)?.paused === true;
  }

  /** An inventory came by: the app it has paused or let go on, if it has. */
  observe(live: KubeObject): { readonly app: string; readonly paused: boolean } | undefined {
    const app = live.metadata.name;
    const held = this.#apps.get(app);
    const paused = isPaused(live);
    if (held?.parts.get(0)?.uid !== uidOf(live) || held.paused === paused) return undefined;
    held.paused = paused;
    return { app, paused };
  }

  all(): ReadonlyMap<string, readonly ObjectId[]> {
    return new Map(this.apps.map((app) => [app, this.idsOf(app)]));
  }

  /** Adds what is not there yet, before any of it is applied. */
  async add(app: string, ids: Iterable<ObjectId>, options: AddOptions): Promise<void> {
    await this.#lock.run(app, () => this.#add(app, ids, options));
  }

  /** Stores whether objects of the app that leave Git are deleted, where it has an inventory that says otherwise. */
  async notePrune(app: string, prune: boolean, signal: AbortSignal): Promise<void> {
    await this.#lock.run(app, () => this.#notePrune(app, prune, signal));
  }

  /** Forgets what is gone. An app that owns nothing keeps part 0, for its status; {@link remove} takes that too. */
  async drop(app: string, ids: ReadonlySet<ObjectId>, signal: AbortSignal): Promise<void> {
    await this.#lock.run(app, () => this.#drop(app, ids, signal));
  }

  /** Deletes the inventory of an app that owns nothing any more. */
  async remove(app: string, signal: AbortSignal): Promise<void> {
    await this.#lock.run(app, () => this.#remove(app, signal));
  }

  /** Somebody deleted an object of ours: what it held is not lost, it is written again with its status. */
  async restore(id: ObjectId, signal: AbortSignal): Promise<void> {
    const name = parseId(id)?.name;
    for (const [app, held] of this.#apps) {
      const found = [...held.parts].find(([, part]) => part.name === name);
      if (found !== undefined) await this.#lock.run(app, () => this.#restore(app, found[0], signal));
    }
  }

  /** Whether it is one of our objects that should be there. */
  isOwn(id: ObjectId): boolean {
    return id.startsWith(idOfPart("")) && this.ownIds.includes(id);
  }

  /** All of our objects that should be there. */
  get ownIds(): readonly ObjectId[] {
    return [...this.#apps.values()].flatMap(({ parts }) => [...parts.values()].map(({ name }) => idOfPart(name)));
  }

  /** Remembers for good that a hook succeeded in this run; forgets hooks that are not among `hooks` any more. */
  async noteRun(
    app: string,
    hook: ObjectId,
    noted: { readonly run: string; readonly hooks: ReadonlySet<ObjectId>; readonly signal: AbortSignal },
  ): Promise<void> {
    const { run, hooks, signal } = noted;
    const ran = this.#apps.get(app)?.ran;
    const dropped = [...(ran?.keys() ?? [])].filter((id) => !hooks.has(id));
    const change = { ...Object.fromEntries(dropped.map((id) => [id, null])), [hook]: run };
    await this.writeStatus(app, { hooks: change }, signal);
    for (const id of dropped) ran?.delete(id);
    ran?.set(hook, run);
  }

  /** How the app stands, for `kubectl get axleinventories`. Nothing where it has no inventory, or says so already. */
  async writeStatus(app: string, status: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> {
    const held = this.#apps.get(app);
    const part = held?.parts.get(0);
    if (held === undefined || part === undefined) return;
    const change = held.settled ? { ...status, settled: true } : status;
    if (includesAll(held.status, change)) return;
    const options = { subresource: "status", manager: FIELD_MANAGER, signal };
    held.status = statusOf(await this.#client.mergePatch(addressOf(part.name), { status: change }, options));
  }

  async #add(app: string, ids: Iterable<ObjectId>, options: AddOptions): Promise<void> {
    const { prune, run = "", account } = options;
    const held = this.#apps.get(app) ?? newInventory(prune, run);
    const missing = [...ids].filter((id) => !held.where.has(id));
    const isPolicyNew = held.prune !== prune || held.account !== account || !held.parts.has(0) || !held.labelled;
    if (missing.length === 0 && !isPolicyNew) return;
    held.prune = prune;
    held.account = account;
    for (let part = 0; missing.length > 0 || part === 0; part += 1) {
      const has = held.parts.get(part)?.ids ?? new Set<ObjectId>();
      const taken = missing.splice(0, Math.max(0, this.#mostPerPart - has.size));
      if (taken.length > 0 || (part === 0 && isPolicyNew)) {
        await this.#write(app, held, { part, ids: new Set([...has, ...taken]), signal: options.signal });
        this.#apps.set(app, held);
      }
    }
  }

  async #notePrune(app: string, prune: boolean, signal: AbortSignal): Promise<void> {
    const held = this.#apps.get(app);
    if (held === undefined || held.prune === prune) return;
    held.prune = prune;
    try {
      await this.#write(app, held, { part: 0, ids: held.parts.get(0)?.ids ?? new Set(), signal });
    } catch (error) {
      // Not stored: tried again by the next pass.
      held.prune = !prune;
      throw error;
    }
  }

  async #drop(app: string, ids: ReadonlySet<ObjectId>, signal: AbortSignal): Promise<void> {
    const held = this.#apps.get(app);
    if (held === undefined) return;
    for (const [number, part] of held.parts) {
      const kept = new Set([...part.ids].filter((id) => !ids.has(id)));
      if (kept.size === part.ids.size) continue;
      if (kept.size > 0 || number === 0) await this.#write(app, held, { part: number, ids: kept, signal });
      else await this.#delete(held, number, signal);
    }
  }

  async #remove(app: string, signal: AbortSignal): Promise<void> {
    const held = this.#apps.get(app);
    if (held === undefined || held.where.size > 0) return;
    for (const number of [...held.parts.keys()].reverse()) await this.#delete(held, number, signal);
    this.#apps.delete(app);
  }

  async #restore(app: string, number: number, signal: AbortSignal): Promise<void> {
    const held = this.#apps.get(app);
    const part = held?.parts.get(number);
    // Deleted by ourselves, or written again already.
    if (held === undefined || part === undefined) return;
    const live = await this.#client.get(addressOf(part.name), signal);
    if (live !== undefined && uidOf(live) === part.uid) return;
    const { status } = held;
    await this.#write(app, held, { part: number, ids: part.ids, signal });
    if (number === 0) await this.writeStatus(app, status, signal);
  }

  async #write(
    app: string,
    held: HeldInventory,
    options: { readonly part: number; readonly ids: ReadonlySet<ObjectId>; readonly signal: AbortSignal },
  ): Promise<void> {
    const { part, ids, signal } = options;
    const name = held.parts.get(part)?.name ?? (part === 0 ? app : `${app}.part-${part}`);
    const written = await this.#client.apply(
      {
        apiVersion: AXLE_API_VERSION,
        kind: KIND,
        metadata: { name, namespace: AXLE_NAMESPACE, labels: { [APP_LABEL]: app } },
        spec: {
          app,
          cluster: this.#cluster,
          part,
          prune: held.prune,
          ...(part === 0 && held.account !== undefined ? { serviceAccount: held.account } : {}),
          ...(part === 0 && held.since !== "" ? { since: held.since } : {}),
          objects: [...ids].sort(),
        },
      },
      { manager: FIELD_MANAGER, signal },
    );
    if (part === 0) {
      held.labelled = true;
      held.status = statusOf(written);
    }
    for (const id of held.parts.get(part)?.ids ?? []) held.where.delete(id);
    for (const id of ids) held.where.set(id, part);
    held.parts.set(part, { name, uid: uidOf(written), ids });
  }

  async #delete(held: HeldInventory, number: number, signal: AbortSignal): Promise<void> {
    const part = held.parts.get(number);
    if (part === undefined) return;
    await this.#client.delete(addressOf(part.name), { uid: part.uid, signal });
    for (const id of part.ids) held.where.delete(id);
    held.parts.delete(number);
  }
}

function idOfPart(name: string): ObjectId {
  return formatId({ group: groupOf(AXLE_API_VERSION), kind: KIND, namespace: AXLE_NAMESPACE, name });
}

function addressOf(name: string): ObjectAddress {
  return { apiVersion: AXLE_API_VERSION, kind: KIND, namespace: AXLE_NAMESPACE, name };
}
