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

function isMapping(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
