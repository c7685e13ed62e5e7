import type { App, AppOverride, AppPlacement } from "../fleet/app.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import { describeSelector, labelOf, selectorMatcher } from "../fleet/match-selector.ts";
import { joinWords } from "../fleet/join-words.ts";
import { FACT_PREFIX } from "../fleet/label-syntax.ts";
import { formatPlace } from "../fleet/problem.ts";
import type { Place, Problem, ProblemCode } from "../fleet/problem.ts";
import type { ClusterSelector } from "../fleet/selector.ts";
import { describeFolder } from "../fleet/source-request.ts";
import { didYouMean } from "../fleet/suggest.ts";
import { resolveSubstitutions } from "./resolve-substitutions.ts";
import { VariantResolver } from "./resolve-variant.ts";
import type { ClusterTexts } from "./resolve-variant.ts";
import type { ResolvedApp, SourceInfo, Target, Variant, VariantKey } from "./variant.ts";

/** Of what is substituted on one cluster, which its slice carries for each app. */
const MAX_SUBSTITUTED_CHARACTERS = 128 * 1024;
/** Of all clusters together: they stand in the app's record, and a record that cannot be stored would stop the whole fleet. */
const MAX_SUBSTITUTED_IN_ALL = 5 * 1024 * 1024;

export interface AppContext {
  /** In a stable order. */
  readonly clusters: readonly FleetCluster[];
  /** Ids of the clusters, sorted. */
  readonly ids: readonly string[];
  readonly names: ReadonlySet<string>;
  readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
  readonly texts: ClusterTexts;
}

export interface AppResolution {
  /** Complete only when there is no error. */
  readonly resolved: ResolvedApp;
  /** Ids of every cluster a selector reaches, whether or not the rest is right. Sorted. */
  readonly meant: readonly string[];
  readonly problems: readonly Problem[];
}

/** One app on the clusters there are. */
export function resolveApp(app: App, context: AppContext): AppResolution {
  return new AppResolver(app, context).resolve();
}

interface Details {
  readonly message: string;
  readonly field?: string;
  readonly cluster?: string;
  readonly place: Place;
}

interface Targeting {
  readonly placement: AppPlacement;
  readonly resolver: VariantResolver;
  readonly because: string;
}

class AppResolver {
  readonly #app: App;
  readonly #context: AppContext;
  readonly #substitutes: boolean;
  readonly #problems: Problem[] = [];
  readonly #variants = new Map<VariantKey, Variant>();
  readonly #targets = new Map<string, Target>();
  /** Clusters that get the same share one target: large fleets have many clusters and few differences. */
  readonly #shared = new Map<Variant, Map<string, Target>>();
  /** Which placement reached a cluster first, by cluster id. */
  readonly #reachedBy = new Map<string, AppPlacement>();
  readonly #missing = new Set<string>();
  #substituted = 0;
  /** Names of the clusters that have the same trouble, by what it is: one problem, however many clusters. */
  readonly #troubles = new Map<string, { readonly clusters: string[]; describe(clusters: readonly string[]): void }>();

  constructor(app: App, context: AppContext) {
    this.#app = app;
    this.#context = context;
    this.#substitutes = Object.keys(app.substitute).length > 0;
  }

  resolve(): AppResolution {
    for (const placement of this.#app.placements) this.#place(placement);
    for (const { clusters, describe } of this.#troubles.values()) describe(clusters);
    return {
      resolved: { app: this.#app, variants: sorted(this.#variants), targets: this.#byId(this.#targets) },
      meant: this.#context.ids.filter((id) => this.#reachedBy.has(id)),
      problems: this.#problems,
    };
  }

  #place(placement: AppPlacement): void {
    const resolver = new VariantResolver(this.#app.name, placement, {
      ...this.#context,
      regenerate: this.#app.settings.sync.regenerate,
    });
    const matches = selectorMatcher(placement.clusters);
    let reached = 0;
    for (const cluster of this.#context.clusters) {
      const match = matches(cluster);
      if (match === undefined) continue;
      reached += 1;
      const other = this.#reachedBy.get(cluster.id);
      if (other === undefined) {
        this.#reachedBy.set(cluster.id, placement);
        this.#target(cluster, { placement, resolver, because: match.because });
      } else this.#noteAmbiguous(cluster, [other, placement]);
    }
    this.#checkSources(placement);
    if (this.#context.clusters.length === 0) return;
    if (reached === 0) this.#reportUnreached(placement);
    else this.#checkSelectors(placement, resolver.unused());
  }

  /** What can only be a mistake, or written ahead of the clusters it is for. */
  #checkSelectors({ clusters, overrides, declaredAt }: AppPlacement, unused: readonly AppOverride[]): void {
    this.#checkNames(clusters, declaredAt);
    for (const override of overrides) {
      const { clusters: selector } = override;
      // Nobody says facts of clusters that are only in files.
      if (unused.includes(override) && !asksFacts(selector)) {
        const message = `this override applies nowhere: no cluster of the app matches ${describeSelector(selector)}${this.#nearby(selector)}`;
        this.#report("no-cluster", { message, place: selector.declaredAt ?? override.declaredAt });
      } else this.#checkNames(selector, override.declaredAt);
    }
  }

  #checkNames(selector: ClusterSelector, declaredAt: Place): void {
    const { names } = this.#context;
    for (const [field, written] of [
      ["names", selector.names],
      ["exclude.names", selector.exclude?.names ?? []],
    ] as const) {
      const unknown = written.filter((name) => !names.has(name));
      const [first] = unknown;
      if (first === undefined) continue;
      const shown = unknown.slice(0, 5).map((name) => `"${name}"`);
      const message = `no cluster is named ${joinWords(shown, "or")}${unknown.length === 1 ? didYouMean(first, names) : ""}`;
      this.#report("no-cluster", { message, place: selector.declaredAt ?? declaredAt, field });
    }
  }

  #target(cluster: FleetCluster, { placement, resolver, because }: Targeting): void {
    const resolved = resolver.resolve(cluster);
    if ("missing" in resolved) {
      this.#reportMissing(resolved.missing, placement.declaredAt);
      return;
    }
    const substitutions = resolveSubstitutions(this.#app.substitute, cluster);
    if ("missing" in substitutions) {
      this.#noteSubstitution(cluster, substitutions.missing);
      return;
    }
    if (!this.#hasRoom(cluster, substitutions.values)) return;
    this.#variants.set(resolved.key, resolved.variant);
    const placedBy = placement.clusters.declaredAt ?? placement.declaredAt;
    const target = { variant: resolved.key, substitutions: substitutions.values, because, placedBy };
    this.#targets.set(cluster.id, this.#share(resolved.variant, target));
  }

  #hasRoom(cluster: FleetCluster, values: Target["substitutions"]): boolean {
    if (!this.#substitutes) return true;
    const size = JSON.stringify(values).length;
    this.#substituted += size;
    const isLarge = size > MAX_SUBSTITUTED_CHARACTERS;
    if (!isLarge && this.#substituted <= MAX_SUBSTITUTED_IN_ALL) return true;
    const what = isLarge
      ? `take more than ${MAX_SUBSTITUTED_CHARACTERS} characters`
      : `take more than ${MAX_SUBSTITUTED_IN_ALL} characters on all clusters together`;
    this.#note(`substituted ${isLarge}`, cluster, (clusters) => {
      const message = `the values to be substituted on ${list(clusters)} ${what}; shorten them, or give what is large as values of a chart`;
      this.#report("substitution", { message, place: this.#app.declaredAt, field: "spec.substitute" });
    });
    return false;
  }

  /** A variant belongs to one placement. */
  #share(variant: Variant, target: Target): Target {
    const substitutions = this.#substitutes ? JSON.stringify(target.substitutions) : "";
    const key = `${target.because}\n${substitutions}`;
    const alike = this.#shared.get(variant) ?? new Map<string, Target>();
    this.#shared.set(variant, alike);
    const known = alike.get(key) ?? target;
    alike.set(key, known);
    return known;
  }

  /** Sorting the ids once serves every app. */
  #byId<Value>(map: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
    const inOrder = new Map<string, Value>();
    for (const id of this.#context.ids) {
      const value = map.get(id);
      if (value !== undefined) inOrder.set(id, value);
    }
    return inOrder;
  }

  #checkSources({ path, overrides, declaredAt, values, valuesFiles, releaseName }: AppPlacement): void {
    const source = this.#context.sources.get(path);
    const replaced = overrides.some((override) => override.path !== undefined);
    if (source === undefined && !replaced) this.#reportMissing(path, declaredAt);
    for (const override of overrides) {
      if (override.path === undefined || this.#context.sources.get(override.path) !== undefined) continue;
      this.#reportMissing(override.path, override.declaredAt);
    }
    if (source !== undefined && source.type !== "helm" && (valuesFiles.length > 0 || Object.keys(values).length > 0)) {
      const message = `values are for charts, and ${show(path)} is no chart: they are not used`;
      this.#report("ignored", { message, place: declaredAt });
    }
    if (source !== undefined && source.type !== "helm" && releaseName !== undefined) {
      const message = `releaseName is for charts, and ${show(path)} is no chart: it is not used`;
      this.#report("ignored", { message, place: declaredAt, field: "spec.releaseName" });
    }
  }

  #reportMissing(path: string, place: Place): void {
    if (this.#missing.has(path)) return;
    this.#missing.add(path);
    const message = `${show(path)} does not exist or holds nothing that can be rendered: no Chart.yaml, no kustomization.yaml, no manifests`;
    this.#report("source", { message, place });
  }

  #reportUnreached(placement: AppPlacement): void {
    const what = this.#app.placements.length > 1 ? `, so ${show(placement.path)} goes nowhere` : "";
    const message = `no cluster matches ${describeSelector(placement.clusters)}${what}${this.#nearby(placement.clusters)}`;
    this.#report("no-cluster", { message, place: placement.clusters.declaredAt ?? placement.declaredAt });
  }

  #noteAmbiguous(cluster: FleetCluster, [first, second]: readonly [AppPlacement, AppPlacement]): void {
    const from = [first, second]
      .map(({ path, declaredAt }) => `${show(path)} (${formatPlace(declaredAt)})`)
      .join(" and ");
    this.#note(`ambiguous ${from}`, cluster, (clusters) => {
      const message = `${list(clusters)} would get this app twice, from ${from}; narrow one of the selectors`;
      this.#report("ambiguous-placement", { message, place: second.declaredAt, cluster: cluster.name });
    });
  }

  #noteSubstitution(cluster: FleetCluster, { name, path, found }: { name: string; path: string; found: string }): void {
    this.#note(`substitution ${name} ${found}`, cluster, (clusters) => {
      const message = `\${${name}} is ${path}, which is ${found} on ${list(clusters)}; set it in the Cluster file, or leave the cluster out`;
      this.#report("substitution", {
        message,
        place: this.#app.places?.substitute?.[name] ?? this.#app.declaredAt,
        field: `spec.substitute.${name}`,
        cluster: cluster.name,
      });
    });
  }

  #note(trouble: string, cluster: FleetCluster, describe: (clusters: readonly string[]) => void): void {
    const known = this.#troubles.get(trouble);
    if (known === undefined) this.#troubles.set(trouble, { clusters: [cluster.name], describe });
    else known.clusters.push(cluster.name);
  }

  #report(code: ProblemCode, details: Details): void {
    const severity = code === "no-cluster" || code === "ignored" ? "warning" : "error";
    this.#problems.push({ severity, code, ...details, app: this.#app.name });
  }

  /** What the clusters there are say for the labels that were asked for: most often it is a typing error. */
  #nearby(selector: ClusterSelector): string {
    const { clusters, names } = this.#context;
    for (const [key, value] of Object.entries(selector.matchLabels)) {
      const values = new Set(clusters.flatMap((cluster) => labelOf(cluster, key) ?? []));
      if (values.has(value)) continue;
      if (values.size > 0) return `; ${key} is ${[...values].sort().slice(0, 8).join(", ")} on the clusters there are`;
      if (key.startsWith(FACT_PREFIX)) return `; no agent has said ${key}`;
      const keys = new Set(clusters.flatMap(({ labels }) => Object.keys(labels)));
      return `; no cluster has the label ${key}${didYouMean(key, keys)}`;
    }
    const unknown = selector.names.find((name) => !names.has(name));
    return unknown === undefined ? "" : `; no cluster is named "${unknown}"${didYouMean(unknown, names)}`;
  }
}

function asksFacts({ matchLabels, matchExpressions, exclude }: ClusterSelector): boolean {
  const keys = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
  return keys.some((key) => key.startsWith(FACT_PREFIX)) || (exclude !== undefined && asksFacts({ ...exclude }));
}

function sorted<Value>(map: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function show(path: string): string {
  return describeFolder(path);
}

function list(clusters: readonly string[]): string {
  const [first, ...others] = clusters;
  if (others.length === 0) return `cluster "${first}"`;
  return `cluster "${first}" and ${others.length} more`;
}
