import type { ObjectId } from "../manifest/object.ts";
import type { EffectiveApp } from "./effective-fleet.ts";

/** Two apps that declare the same objects for the same clusters. */
export interface Duplicate {
  /** Names, sorted, and the file in which each declares the first of the objects. */
  readonly apps: readonly [string, string];
  readonly files: readonly [string, string];
  /** Sorted. */
  readonly objects: readonly ObjectId[];
  /** Ids, sorted. */
  readonly clusters: readonly string[];
}

interface Declaration {
  readonly app: string;
  readonly file: string;
  readonly clusters: readonly string[];
}

/** Every pair of apps that would fight over an object; sorted, so that messages do not depend on the order of anything. */
export function findDuplicates(apps: Iterable<EffectiveApp>): readonly Duplicate[] {
  const pairs = new Map<string, { files: readonly [string, string]; objects: ObjectId[]; clusters: Set<string> }>();
  const contested = [...declarationsById(apps)].filter(([, found]) => found.some(({ app }) => app !== found[0]?.app));
  for (const [id, declarations] of contested.sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const { first, second, cluster } of collisions(declarations)) {
      const key = `${first.app}\n${second.app}`;
      const pair = pairs.get(key) ?? { files: [first.file, second.file], objects: [], clusters: new Set() };
      pairs.set(key, pair);
      if (pair.objects.at(-1) !== id) pair.objects.push(id);
      pair.clusters.add(cluster);
    }
  }
  return [...pairs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { files, objects, clusters }]) => ({
      apps: key.split("\n") as [string, string],
      files,
      objects,
      clusters: [...clusters].sort(),
    }));
}

function declarationsById(apps: Iterable<EffectiveApp>): Map<ObjectId, Declaration[]> {
  const byId = new Map<ObjectId, Declaration[]>();
  for (const { name, placed } of apps) {
    for (const { objects, clusters } of placed) {
      for (const { id, file } of objects ?? []) {
        const declaration = { app: name, file, clusters };
        const others = byId.get(id);
        if (others === undefined) byId.set(id, [declaration]);
        else others.push(declaration);
      }
    }
  }
  return byId;
}

interface Collision {
  readonly first: Declaration;
  readonly second: Declaration;
  readonly cluster: string;
}

/** Of three apps on one cluster, each is told about the first of them: resolving those is enough. */
function collisions(declarations: readonly Declaration[]): readonly Collision[] {
  const owners = new Map<string, Declaration>();
  const found: Collision[] = [];
  for (const declaration of declarations.toSorted((a, b) => (a.app < b.app ? -1 : a.app > b.app ? 1 : 0))) {
    for (const cluster of declaration.clusters) {
      const owner = owners.get(cluster);
      if (owner === undefined) owners.set(cluster, declaration);
      else if (owner.app !== declaration.app) found.push({ first: owner, second: declaration, cluster });
    }
  }
  return found;
}
