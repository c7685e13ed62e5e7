import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { HealthVerdict } from "@axle/core/health/verdict.ts";
import { deepEqual } from "./deep-equal.ts";
import { fingerprintOwned } from "./owned-state.ts";
import { FIELD_MANAGER, isPaused } from "./ownership-mark.ts";

/** `clean`: as we applied it, as far as watches tell. `drifted`: somebody changed or deleted it. `unsure`: a write was cut off. */
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
  readonly paused: boolean;
  readonly health: HealthVerdict | undefined;
}

/** Everything we know of the objects we own. One entry per object; holds no live objects, only what was applied. */
export class ObjectBook {
  readonly #known = new Map<ObjectId, KnownObject>();

  get(id: ObjectId): KnownObject | undefined {
    return this.#known.get(id);
  }

  /** Whether applying `source` for `app` would change nothing, as far as we know. A paused object is left as it is. */
  isClean(id: ObjectId, app: string, source: KubeObject): boolean {
    const known = this.#known.get(id);
    if (known === undefined || known.app !== app) return false;
    if (!deepEqual(known.source, source)) return false;
    if (known.paused) return true;
    if (known.standing !== "clean") return false;
    // The equal object of the newer pack takes the place of the older, whose pack can then be freed.
    if (known.source !== source) this.#known.set(id, { ...known, source });
    return true;
  }

  /** After an apply, or when a look showed that none is needed. */
  settled(id: ObjectId, entry: { app: string; source: KubeObject; live: KubeObject; health: HealthVerdict | undefined }): KnownObject {
    const { app, source, live, health } = entry;
    const known: KnownObject = {
      id,
      app,
      source,
      uid: String(live.metadata["uid"] ?? ""),
      resourceVersion: String(live.metadata["resourceVersion"] ?? ""),
      fingerprint: fingerprintOwned(source, live, FIELD_MANAGER),
      standing: "clean",
      paused: isPaused(live),
      health,
    };
    this.#known.set(id, known);
    return known;
  }

  update(id: ObjectId, change: Partial<Pick<KnownObject, "standing" | "paused" | "health" | "resourceVersion" | "uid">>): void {
    const known = this.#known.get(id);
    if (known !== undefined) this.#known.set(id, { ...known, ...change });
  }

  forget(id: ObjectId): void {
    this.#known.delete(id);
  }

  values(): IterableIterator<KnownObject> {
    return this.#known.values();
  }
}

/** Whether a resource version is above another. They are decimal numbers that outgrow JavaScript's. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
