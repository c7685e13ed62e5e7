import type { ValuesLayer } from "./variant.ts";

export type Values = Readonly<Record<string, unknown>>;

/** Helm's merge: mappings member by member, everything else replaced. A null stays, so that Helm removes the chart's default. */
export function mergeValues(below: Values, above: Values): Values {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const other = Object.hasOwn(below, key) ? below[key] : undefined;
    define(merged, key, isMapping(value) && isMapping(other) ? mergeValues(other, value) : value);
  }
  return merged;
}

/** Values come from YAML, where `__proto__` is a key like any other. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/**
 * What Helm gets from weakest to strongest: the cluster's values, then of each part (the App, the overrides that match, in
 * order) its files and over them its values. Neighbouring mappings are merged here, so that equal inputs are equal variants.
 */
export function layerValues(
  cluster: Values,
  parts: readonly { readonly values: Values; readonly valuesFiles: readonly string[] }[],
): readonly ValuesLayer[] {
  const layers: ValuesLayer[] = [];
  for (const layer of [cluster, ...parts.flatMap(({ valuesFiles, values }) => [...valuesFiles, values])]) {
    const below = layers.at(-1);
    if (typeof layer === "string") layers.push(layer);
    else if (Object.keys(layer).length === 0) continue;
    else if (typeof below === "object") layers[layers.length - 1] = mergeValues(below, layer);
    else layers.push(layer);
  }
  return layers;
}

function isMapping(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
