import type { ClusterFacts } from "../../fleet/cluster.ts";
import { parseId } from "../../manifest/object.ts";
import type { EffectiveApp } from "../effective-fleet.ts";
import type { RenderedObject } from "../rendered-variant.ts";
import { kubernetesMinorOf, removedApiOf } from "./removed-apis.ts";

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

type FactsOf = (cluster: string) => ClusterFacts | undefined;

/**
 * What the apps that move bring to clusters whose API servers, by their own word, do not serve it, and no app of the
 * same cluster brings the definition of. A cluster that has not said what it serves is not judged. Clusters that say the
 * same are judged once per pack, so this is linear in the pairs of apps and clusters.
 */
export function findUnserved(apps: Iterable<EffectiveApp>, factsOf: FactsOf): readonly Unserved[] {
  const all = [...apps];
  const finder = new UnservedFinder(all, factsOf);
  return all.filter(({ moves }) => moves).flatMap((app) => finder.check(app));
}

interface FactsClass {
  readonly apiVersions: readonly string[];
  readonly served: ReadonlySet<string>;
  readonly minor: number | undefined;
}

interface Suspect {
  readonly kind: string;
  readonly object: RenderedObject;
  readonly reason: string;
  readonly code: Unserved["code"];
  readonly mayCome: boolean;
}

class UnservedFinder {
  readonly #factsOf: FactsOf;
  readonly #apps: readonly EffectiveApp[];
  readonly #classes = new Map<string, readonly FactsClass[]>();
  readonly #classOf = new Map<string, FactsClass | undefined>();
  #brought: Map<string, Set<string>> | undefined;

  constructor(apps: readonly EffectiveApp[], factsOf: FactsOf) {
    this.#apps = apps;
    this.#factsOf = factsOf;
  }

  check({ name, placed }: EffectiveApp): readonly Unserved[] {
    const found = new Map<string, Suspect & { readonly clusters: string[] }>();
    for (const { objects, clusters } of placed) {
      const kinds = kindsOf(objects ?? []);
      const judged = new Map<FactsClass, readonly Suspect[]>();
      for (const cluster of clusters) {
        const facts = this.#factsClassOf(cluster);
        if (facts === undefined) continue;
        let suspects = judged.get(facts);
        if (suspects === undefined) judged.set(facts, (suspects = judge(kinds, facts)));
        for (const suspect of suspects) {
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

  /** Undefined while the cluster has not said what it serves. */
  #factsClassOf(cluster: string): FactsClass | undefined {
    if (this.#classOf.has(cluster)) return this.#classOf.get(cluster);
    const facts = this.#factsOf(cluster);
    const known = facts !== undefined && (facts.apiVersions.length > 0 || facts.kubernetesVersion !== "");
    const factsClass = known ? this.#classFor(facts) : undefined;
    this.#classOf.set(cluster, factsClass);
    return factsClass;
  }

  /** Compared member by member, not as one joined text: that alone would cost more than all the rest. */
  #classFor({ kubernetesVersion, apiVersions }: ClusterFacts): FactsClass {
    const middle = apiVersions[apiVersions.length >> 1] ?? "";
    const key = `${kubernetesVersion} ${apiVersions.length} ${apiVersions[0] ?? ""} ${middle} ${apiVersions.at(-1) ?? ""}`;
    const alike = this.#classes.get(key) ?? [];
    const known = alike.find(({ apiVersions: others }) => others.every((one, index) => one === apiVersions[index]));
    if (known !== undefined) return known;
    const made = { apiVersions, served: new Set(apiVersions), minor: kubernetesMinorOf(kubernetesVersion) };
    this.#classes.set(key, [...alike, made]);
    return made;
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
