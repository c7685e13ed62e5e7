import type { EffectiveApp } from "../effective-fleet.ts";
import type { RenderedObject } from "../rendered-variant.ts";

/** Secrets of one app whose values stand in the repository in the clear. */
export interface PlainSecrets {
  readonly app: string;
  /** Sorted by id, none twice. */
  readonly objects: readonly RenderedObject[];
}

/** What moving apps bring; those that stay where they are were judged when they came. */
export function findPlainSecrets(apps: Iterable<EffectiveApp>): readonly PlainSecrets[] {
  return [...apps].flatMap(({ name, moves, placed }) => {
    if (!moves) return [];
    const secrets = placed.flatMap(({ objects }) => (objects ?? []).filter(({ plainSecret }) => plainSecret === true));
    const byId = new Map(secrets.map((object) => [object.id, object]));
    const objects = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return objects.length === 0 ? [] : [{ app: name, objects }];
  });
}
