import type { AppOverride, AppPlacement } from "../fleet/app.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import { selectorMatcher } from "../fleet/match-selector.ts";
import { canonicalJson } from "../manifest/canonical-json.ts";
import { layerValues } from "./merge-values.ts";
import type { Values } from "./merge-values.ts";
import type { SourceInfo, Variant, VariantKey } from "./variant.ts";

export interface KeyedVariant {
  readonly key: VariantKey;
  readonly variant: Variant;
}

/** `missing`: the folder holds nothing that can be rendered. */
export type VariantResolution = KeyedVariant | { readonly missing: string };

/**
 * Variants of one placement. Clusters that the same overrides match, with the same values and capabilities where those
 * count, share a variant, which is made once.
 */
export class VariantResolver {
  readonly #app: string;
  readonly #placement: AppPlacement;
  readonly #regenerate: string | undefined;
  readonly #sources: ReadonlyMap<string, SourceInfo | undefined>;
  readonly #texts: ClusterTexts;
  readonly #made = new Map<string, VariantResolution>();
  readonly #applied = new Set<AppOverride>();
  readonly #matchers: readonly ReturnType<typeof selectorMatcher>[];

  constructor(
    app: string,
    placement: AppPlacement,
    context: {
      readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
      readonly texts: ClusterTexts;
      readonly regenerate?: string | undefined;
    },
  ) {
    this.#regenerate = context.regenerate;
    this.#app = app;
    this.#placement = placement;
    this.#sources = context.sources;
    this.#texts = context.texts;
    this.#matchers = placement.overrides.map(({ clusters }) => selectorMatcher(clusters));
  }

  resolve(cluster: FleetCluster): VariantResolution {
    const matching = this.#placement.overrides.filter((_, index) => this.#matchers[index]?.(cluster) !== undefined);
    for (const override of matching) this.#applied.add(override);
    const path = matching.findLast((override) => override.path !== undefined)?.path ?? this.#placement.path;
    const source = this.#sources.get(path);
    if (source === undefined) return { missing: path };
    const overrides = matching.length === 0 ? "" : matching.map((one) => this.#placement.overrides.indexOf(one)).join();
    const values = source.type === "helm" ? this.#texts.valuesOf(cluster) : 0;
    const capabilities = source.asksCapabilities
      ? this.#texts.capabilitiesOf(cluster)
      : source.asksVersion === true
        ? this.#texts.versionOf(cluster)
        : 0;
    const shared = `${overrides} ${values} ${capabilities}`;
    const known = this.#made.get(shared);
    if (known !== undefined) return known;
    const variant = this.#make({ cluster, path, source, overrides: matching });
    const made = { key: canonicalJson(variant), variant };
    this.#made.set(shared, made);
    return made;
  }

  /** Overrides that matched none of the clusters so far. */
  unused(): readonly AppOverride[] {
    return this.#placement.overrides.filter((override) => !this.#applied.has(override));
  }

  #make({ cluster, path, source, overrides }: VariantParts): Variant {
    const namespace =
      overrides.findLast((override) => override.namespace !== undefined)?.namespace ?? this.#placement.namespace;
    const isHelm = source.type === "helm";
    const { releaseName } = this.#placement;
    const { kubernetesVersion } = cluster.facts;
    const asks = source.asksCapabilities || source.asksVersion === true;
    const apiVersions = source.asksCapabilities ? cluster.facts.apiVersions : [];
    return {
      app: this.#app,
      path,
      ...(namespace !== undefined && { namespace }),
      ...(isHelm && releaseName !== undefined && releaseName !== this.#app && { releaseName }),
      values: isHelm ? layerValues(cluster.values, [this.#placement, ...overrides]) : [],
      ...(source.type === "kustomize" && this.#placement.readsAnywhere && { readsAnywhere: true as const }),
      patches: overrides.flatMap(({ patches }) => patches),
      // An agent that has not said what it runs yet gets the renderer's own defaults.
      ...(asks && kubernetesVersion !== "" && { capabilities: { kubernetesVersion, apiVersions } }),
      ...(this.#regenerate !== undefined && { regenerate: this.#regenerate }),
    };
  }
}

interface VariantParts {
  readonly cluster: FleetCluster;
  readonly path: string;
  readonly source: SourceInfo;
  readonly overrides: AppPlacement["overrides"];
}

/** Numbers for what clusters' values and capabilities say: the same number, the same text. Made once for all apps. */
export class ClusterTexts {
  readonly #values = new Map<Values, number>();
  readonly #capabilities = new Map<FleetCluster["facts"], number>();
  readonly #versions = new Map<FleetCluster["facts"], number>();
  readonly #numbers = new Map<string, number>();

  valuesOf(cluster: FleetCluster): number {
    return this.#numberOf(this.#values, cluster.values, canonicalJson);
  }

  capabilitiesOf(cluster: FleetCluster): number {
    return this.#numberOf(this.#capabilities, cluster.facts, ({ kubernetesVersion, apiVersions }) =>
      JSON.stringify([kubernetesVersion, apiVersions]),
    );
  }

  versionOf(cluster: FleetCluster): number {
    return this.#numberOf(this.#versions, cluster.facts, ({ kubernetesVersion }) =>
      JSON.stringify([kubernetesVersion]),
    );
  }

  #numberOf<Key>(known: Map<Key, number>, key: Key, textOf: (key: Key) => string): number {
    const number = known.get(key);
    if (number !== undefined) return number;
    const text = textOf(key);
    const made = this.#numbers.get(text) ?? this.#numbers.size + 1;
    this.#numbers.set(text, made);
    known.set(key, made);
    return made;
  }
}
