import type { ClusterFacts } from "../../fleet/cluster.ts";
import { parseId } from "../../manifest/object.ts";
import type { EffectiveApp } from "../effective-fleet.ts";
import type { RenderedObject } from "../rendered-variant.ts";
import { FactsClasses } from "./facts-classes.ts";
import type { FactsClass } from "./facts-classes.ts";
import { removedApiOf } from "./removed-apis.ts";

/** Objects of an app that some of its clusters do not serve, all for one reason. */
export interface Unserved {
  readonly app: string;
  /** `group/version/Kind`; a core kind is `version/Kind`. */
  readonly kind: string;
  /** Of the first of the objects; sorted by id. */
  readonly object: RenderedObject;
  /** In words, without the clusters. */
  readonly reason: string;
  readonly code: "unknown-kind" | "removed-api";
  /** Nothing of the kind is known yet: an operator may install its definition at any time, so it is no fault of the app. */
  readonly mayCome: boolean;
  /** Ids, sorted. */
  readonly clusters: readonly string[];
}

export interface UnservedContext {
  readonly clusters: Iterable<string>;
  readonly factsOf: (cluster: string) => ClusterFacts | undefined;
  /** Of the plan before this one, where there was one. */
  readonly classes?: FactsClasses;
}

/**
 * What the apps that move bring to clusters whose API servers, by their own word, do not serve it, and no app of the
 * same cluster brings the definition of. A cluster that has not said what it serves is not judged. Clusters that say the
 * same are judged once per pack; where all serve all, no cluster is looked at by itself.
 */
export function findUnserved(apps: Iterable<EffectiveApp>, context: UnservedContext): readonly Unserved[] {
  const all = [...apps];
  const finder = new UnservedFinder(all, context);
  return all.filter(({ moves }) => moves).flatMap((app) => finder.check(app));
}

interface Suspect {
  readonly kind: string;
  readonly object: RenderedObject;
  readonly reason: string;
  readonly code: Unserved["code"];
  readonly mayCome: boolean;
}

class UnservedFinder {
  readonly #apps: readonly EffectiveApp[];
  readonly #classOf = new Map<string, FactsClass>();
  readonly #classes: ReadonlySet<FactsClass>;
  #brought: Map<string, Set<string>> | undefined;

  constructor(apps: readonly EffectiveApp[], { clusters, factsOf, classes = new FactsClasses() }: UnservedContext) {
    this.#apps = apps;
    for (const cluster of clusters) {
      const found = classes.of(factsOf(cluster));
      if (found !== undefined) this.#classOf.set(cluster, found);
    }
    this.#classes = new Set(this.#classOf.values());
  }

  check({ name, placed }: EffectiveApp): readonly Unserved[] {
    const found = new Map<string, Suspect & { readonly clusters: string[] }>();
    for (const { objects, clusters } of placed) {
      const kinds = kindsOf(objects ?? []);
      const judged = new Map([...this.#classes].map((facts) => [facts, judge(kinds, facts)]));
      if ([...judged.values()].every((suspects) => suspects.length === 0)) continue;
      for (const cluster of clusters) {
        const facts = this.#classOf.get(cluster);
        if (facts === undefined) continue;
        for (const suspect of judged.get(facts) ?? []) {
          if (this.#broughtTo(cluster).has(suspect.kind)) continue;
          const key = `${suspect.kind}\n${suspect.reason}`;
          const known = found.get(key);
          if (known === undefined) found.set(key, { ...suspect, clusters: [cluster] });
          else known.clusters.push(cluster);
        }
      }
    }
    return [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { clusters, ...suspect }]) => ({ app: name, ...suspect, clusters: clusters.sort() }));
  }

  /** Kinds that definitions among the cluster's own objects bring. */
  #broughtTo(cluster: string): ReadonlySet<string> {
    this.#brought ??= broughtByCluster(this.#apps);
    return this.#brought.get(cluster) ?? NOTHING;
  }
}

const NOTHING: ReadonlySet<string> = new Set();

function broughtByCluster(apps: readonly EffectiveApp[]): Map<string, Set<string>> {
  const brought = new Map<string, Set<string>>();
  for (const { objects, clusters } of apps.flatMap(({ placed }) => placed)) {
    const kinds = (objects ?? []).flatMap(({ defines }) => defines ?? []);
    if (kinds.length === 0) continue;
    for (const cluster of clusters) {
      const known = brought.get(cluster) ?? new Set();
      for (const kind of kinds) known.add(kind);
      brought.set(cluster, known);
    }
  }
  return brought;
}

/** The first object, by id, of each kind. What was remembered before kinds were is not judged. */
function kindsOf(objects: readonly RenderedObject[]): ReadonlyMap<string, RenderedObject> {
  const kinds = new Map<string, RenderedObject>();
  for (const object of objects) {
    const ref = object.apiVersion === undefined ? undefined : parseId(object.id);
    if (ref === undefined) continue;
    const kind = `${object.apiVersion}/${ref.kind}`;
    const first = kinds.get(kind);
    if (first === undefined || object.id < first.id) kinds.set(kind, object);
  }
  return kinds;
}

function judge(kinds: ReadonlyMap<string, RenderedObject>, { served, minor }: FactsClass): readonly Suspect[] {
  const suspects: Suspect[] = [];
  for (const [kind, object] of kinds) {
    const removed = removedApiOf(kind);
    const isServed = served.has(kind);
    if (removed !== undefined && !isServed && minor !== undefined && minor >= removed.removedIn) {
      const remedy = removed.instead === "" ? "remove it" : `write ${removed.instead}`;
      const reason = `Kubernetes 1.${removed.removedIn} removed ${kind}; ${remedy}`;
      suspects.push({ kind, object, reason, code: "removed-api", mayCome: false });
    } else if (served.size > 0 && !isServed) {
      const [group, name] = [groupOf(kind), kind.slice(kind.lastIndexOf("/") + 1)];
      const others = [...served].filter((one) => groupOf(one) === group && one.endsWith(`/${name}`)).sort();
      const reason =
        others.length > 0
          ? `the API server does not serve ${kind}; it serves ${others.join(", ")}`
          : `the API server does not know ${kind}; let an app of the cluster bring its CustomResourceDefinition`;
      suspects.push({ kind, object, reason, code: "unknown-kind", mayCome: others.length === 0 });
    }
  }
  return suspects;
}

function groupOf(kind: string): string {
  const parts = kind.split("/");
  return parts.length === 3 ? (parts[0] as string) : "";
}
