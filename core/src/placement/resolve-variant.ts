import type { AppPlacement } from "../fleet/app.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import { selectorMatcher } from "../fleet/match-selector.ts";
import { canonicalJson } from "../manifest/canonical-json.ts";
import { mergeValues } from "./merge-values.ts";
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
  readonly #sources: ReadonlyMap<string, SourceInfo | undefined>;
  readonly #texts: ClusterTexts;
  readonly #made = new Map<string, VariantResolution>();
  readonly #matchers: readonly ReturnType<typeof selectorMatcher>[];

  constructor(
    app: string,
    placement: AppPlacement,
    context: { readonly sources: ReadonlyMap<string, SourceInfo | undefined>; readonly texts: ClusterTexts },
  ) {
    this.#app = app;
    this.#placement = placement;
    this.#sources = context.sources;
    this.#texts = context.texts;
    this.#matchers = placement.overrides.map(({ clusters }) => selectorMatcher(clusters));
  }

  resolve(cluster: FleetCluster): VariantResolution {
    const matching = this.#placement.overrides.filter((_, index) => this.#matchers[index]?.(cluster) !== undefined);
    const path = matching.findLast((override) => override.path !== undefined)?.path ?? this.#placement.path;
    const source = this.#sources.get(path);
    if (source === undefined) return { missing: path };
    const shared = [
      matching.map((override) => this.#placement.overrides.indexOf(override)).join(","),
      source.type === "helm" ? this.#texts.valuesOf(cluster) : "",
      source.asksCapabilities ? this.#texts.capabilitiesOf(cluster) : "",
    ].join("\n");
    const known = this.#made.get(shared);
    if (known !== undefined) return known;
    const variant = this.#make({ cluster, path, source, overrides: matching });
    const made = { key: canonicalJson(variant), variant };
    this.#made.set(shared, made);
    return made;
  }

  #make({ cluster, path, source, overrides }: VariantParts): Variant {
    const namespace =
      overrides.findLast((override) => override.namespace !== undefined)?.namespace ?? this.#placement.namespace;
    const isHelm = source.type === "helm";
    const values = [this.#placement, ...overrides].reduce<Values>(
      (below, { values }) => mergeValues(below, values),
      cluster.values,
    );
    const { kubernetesVersion, apiVersions } = cluster.facts;
    return {
      app: this.#app,
      path,
      ...(namespace !== undefined && { namespace }),
      values: isHelm ? values : {},
      valuesFiles: isHelm ? [this.#placement, ...overrides].flatMap(({ valuesFiles }) => valuesFiles) : [],
      patches: overrides.flatMap(({ patches }) => patches),
      // An agent that has not said what it runs yet gets the renderer's own defaults.
      ...(isHelm &&
        source.asksCapabilities &&
        kubernetesVersion !== "" && { capabilities: { kubernetesVersion, apiVersions } }),
    };
  }
}

interface VariantParts {
  readonly cluster: FleetCluster;
  readonly path: string;
  readonly source: SourceInfo;
  readonly overrides: AppPlacement["overrides"];
}

/** Clusters' values and capabilities as text, made once for all apps. */
export class ClusterTexts {
  readonly #values = new Map<Values, string>();
  readonly #capabilities = new Map<FleetCluster["facts"], string>();

  valuesOf(cluster: FleetCluster): string {
    return remembered(this.#values, cluster.values, canonicalJson);
  }

  capabilitiesOf(cluster: FleetCluster): string {
    return remembered(this.#capabilities, cluster.facts, ({ kubernetesVersion, apiVersions }) =>
      JSON.stringify([kubernetesVersion, apiVersions]),
    );
  }
}

function remembered<Key>(known: Map<Key, string>, key: Key, make: (key: Key) => string): string {
  const text = known.get(key);
  if (text !== undefined) return text;
  const made = make(key);
  known.set(key, made);
  return made;
}
