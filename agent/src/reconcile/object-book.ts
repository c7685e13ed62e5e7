import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { HealthVerdict } from "@axle/core/health/verdict.ts";
import { deepEqual } from "./deep-equal.ts";
import { resourceVersionOf, uidOf } from "./live-meta.ts";
import { fingerprintOwned } from "./owned-state.ts";
import { isLeftAlone } from "./object-policy.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";

/** `clean`: as we applied it, as far as watches tell. `drifted`: somebody changed or deleted it. `unsure`: it has to be looked at. */
export type Standing = "clean" | "drifted" | "unsure";

/** What we know of one object we applied, without asking the server. */
export interface KnownObject {
  readonly id: ObjectId;
  readonly app: string;
  /** As the pack has it, namespace filled in: what was last applied. */
  readonly source: KubeObject;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Of what we own and its values, see {@link fingerprintOwned}. */
  readonly fingerprint: string | undefined;
  readonly standing: Standing;
  /** What the drift looked like when it was last acted on, so that it is acted on once. */
  readonly drift: string | undefined;
  readonly paused: boolean;
  /** Whether fields of it are others' to set: it has to be read before it is written. */
  readonly yields: boolean;
  /** What others added inside `spec`, when it was last told; "" for nothing. */
  readonly unknown: string;
  readonly health: HealthVerdict | undefined;
}

export interface SettledEntry {
  readonly app: string;
  readonly source: KubeObject;
  readonly live: KubeObject;
  readonly yields: boolean;
  readonly health: HealthVerdict | undefined;
}

/** Everything we know of the objects we own. One entry per object; holds no live objects, only what was applied. */
export class ObjectBook {
  readonly #known = new Map<ObjectId, KnownObject>();
  /** How many objects of each kind, by `apiVersion/Kind`. */
  readonly #kinds = new Map<string, number>();

  /** `apiVersion/Kind` of what is known. */
  get kinds(): readonly string[] {
    return [...this.#kinds.keys()];
  }

  get(id: ObjectId): KnownObject | undefined {
    return this.#known.get(id);
  }

  /** Whether applying `source` for `app` would change nothing, as far as we know. A paused object is left as it is. */
  isClean(id: ObjectId, app: string, source: KubeObject): boolean {
    const known = this.#known.get(id);
    if (known === undefined || known.app !== app || known.standing !== "clean") return false;
    if (!deepEqual(known.source, source)) return false;
    // The equal object of the newer pack takes the place of the older, whose pack can then be freed.
    if (known.source !== source) this.#known.set(id, { ...known, source });
    return true;
  }

  /** After an apply, or when a look showed that none is needed. An object that is paused may stand otherwise than `source`. */
  settled(id: ObjectId, entry: SettledEntry): KnownObject {
    const { app, source, live, yields, health } = entry;
    const paused = isLeftAlone(source, live);
    const known: KnownObject = {
      id,
      app,
      source,
      uid: uidOf(live),
      resourceVersion: resourceVersionOf(live),
      fingerprint: paused ? undefined : fingerprintOwned(source, live, FIELD_MANAGER),
      standing: "clean",
      drift: undefined,
      paused,
      yields,
      unknown: this.#known.get(id)?.unknown ?? "",
      health,
    };
    this.forget(id);
    this.#known.set(id, known);
    this.#count(source, 1);
    return known;
  }

  update(id: ObjectId, change: Partial<Omit<KnownObject, "id">>): void {
    const known = this.#known.get(id);
    if (known !== undefined) this.#known.set(id, { ...known, ...change });
  }

  forget(id: ObjectId): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#known.delete(id);
    this.#count(known.source, -1);
  }

  values(): IterableIterator<KnownObject> {
    return this.#known.values();
  }

  #count(source: KubeObject, change: number): void {
    const kind = `${source.apiVersion}/${source.kind}`;
    const count = (this.#kinds.get(kind) ?? 0) + change;
    if (count > 0) this.#kinds.set(kind, count);
    else this.#kinds.delete(kind);
  }
}
