import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { KubeClient, ObjectAddress } from "../adapters/kube/kube-client.ts";
import { AXLE_API_VERSION, AXLE_NAMESPACE } from "./axle-crds.ts";
import { isRecord } from "./field-set.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { uidOf } from "./live-meta.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";

const MOST_PER_PART = 3_000;
const KIND = "AxleInventory";

interface Part {
  readonly name: string;
  readonly uid: string;
  readonly ids: ReadonlySet<ObjectId>;
}

interface Held {
  /** By the number of the part; a part that became empty leaves a gap. */
  readonly parts: Map<number, Part>;
  prune: boolean;
  /** Part that holds each id. An id never moves between parts, so a crash between two writes loses none. */
  readonly where: Map<ObjectId, number>;
}

interface AddOptions {
  /** Whether objects of the app that leave Git are deleted. */
  readonly prune: boolean;
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
  readonly #apps = new Map<string, Held>();
  readonly #lock = new KeyedLock();

  constructor(client: KubeClient, cluster: string, mostPerPart: number = MOST_PER_PART) {
    this.#client = client;
    this.#cluster = cluster;
    this.#mostPerPart = mostPerPart;
  }

  /** Reads everything from the cluster. */
  async load(signal: AbortSignal): Promise<void> {
    const resource = await this.#client.discovery.find(AXLE_API_VERSION, KIND);
    const found = new Map<string, Held>();
    for await (const page of this.#client.list(resource, { namespace: AXLE_NAMESPACE, pageSize: 50, signal })) {
      for (const item of page.items) this.#take(found, item);
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

  all(): ReadonlyMap<string, readonly ObjectId[]> {
    return new Map(this.apps.map((app) => [app, this.idsOf(app)]));
  }

  /** Adds what is not there yet, before any of it is applied. */
  async add(app: string, ids: Iterable<ObjectId>, options: AddOptions): Promise<void> {
    await this.#lock.run(app, () => this.#add(app, ids, options));
  }

  /** Forgets what is gone. An app that owns nothing keeps part 0, for its status; {@link remove} takes that too. */
  async drop(app: string, ids: ReadonlySet<ObjectId>, signal: AbortSignal): Promise<void> {
    await this.#lock.run(app, () => this.#drop(app, ids, signal));
  }

  /** Deletes the inventory of an app that owns nothing any more. */
  async remove(app: string, signal: AbortSignal): Promise<void> {
    await this.#lock.run(app, () => this.#remove(app, signal));
  }

  /** How the app stands, for `kubectl get axleinventories`. Nothing where it has no inventory. */
  async writeStatus(app: string, status: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> {
    const part = this.#apps.get(app)?.parts.get(0);
    if (part === undefined) return;
    const options = { subresource: "status", manager: FIELD_MANAGER, signal };
    await this.#client.mergePatch(addressOf(part.name), { status }, options);
  }

  async #add(app: string, ids: Iterable<ObjectId>, options: AddOptions): Promise<void> {
    const held = this.#apps.get(app) ?? { parts: new Map(), prune: options.prune, where: new Map() };
    const missing = [...ids].filter((id) => !held.where.has(id));
    const isPolicyNew = held.prune !== options.prune || !held.parts.has(0);
    if (missing.length === 0 && !isPolicyNew) return;
    held.prune = options.prune;
    for (let part = 0; missing.length > 0 || part === 0; part += 1) {
      const has = held.parts.get(part)?.ids ?? new Set<ObjectId>();
      const taken = missing.splice(0, Math.max(0, this.#mostPerPart - has.size));
      if (taken.length > 0 || (part === 0 && isPolicyNew)) {
        await this.#write(app, held, { part, ids: new Set([...has, ...taken]), signal: options.signal });
        this.#apps.set(app, held);
      }
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

  async #write(
    app: string,
    held: Held,
    options: { readonly part: number; readonly ids: ReadonlySet<ObjectId>; readonly signal: AbortSignal },
  ): Promise<void> {
    const { part, ids, signal } = options;
    const name = held.parts.get(part)?.name ?? (part === 0 ? app : `${app}.part-${part}`);
    const written = await this.#client.apply(
      {
        apiVersion: AXLE_API_VERSION,
        kind: KIND,
        metadata: { name, namespace: AXLE_NAMESPACE },
        spec: { app, cluster: this.#cluster, part, prune: held.prune, objects: [...ids].sort() },
      },
      { manager: FIELD_MANAGER, signal },
    );
    for (const id of held.parts.get(part)?.ids ?? []) held.where.delete(id);
    for (const id of ids) held.where.set(id, part);
    held.parts.set(part, { name, uid: uidOf(written), ids });
  }

  async #delete(held: Held, number: number, signal: AbortSignal): Promise<void> {
    const part = held.parts.get(number);
    if (part === undefined) return;
    await this.#client.delete(addressOf(part.name), { uid: part.uid, signal });
    for (const id of part.ids) held.where.delete(id);
    held.parts.delete(number);
  }

  #take(found: Map<string, Held>, item: KubeObject): void {
    const spec = item["spec"];
    if (!isRecord(spec) || typeof spec["app"] !== "string" || spec["cluster"] !== this.#cluster) return;
    const app = spec["app"];
    const number = Number(spec["part"] ?? 0);
    const listed = Array.isArray(spec["objects"]) ? spec["objects"] : [];
    const ids = new Set(listed.filter((id: unknown): id is ObjectId => typeof id === "string"));
    const held = found.get(app) ?? { parts: new Map(), prune: true, where: new Map() };
    if (number === 0) held.prune = spec["prune"] !== false;
    held.parts.set(number, { name: item.metadata.name, uid: uidOf(item), ids });
    for (const id of ids) held.where.set(id, number);
    found.set(app, held);
  }
}

function addressOf(name: string): ObjectAddress {
  return { apiVersion: AXLE_API_VERSION, kind: KIND, namespace: AXLE_NAMESPACE, name };
}
