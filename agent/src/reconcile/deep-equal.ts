/** Equality of JSON values; a member that is undefined counts as absent. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => deepEqual(item, b[index]));
  }
  if (Array.isArray(b)) return false;
  const left: Record<string, unknown> = { ...a };
  const right: Record<string, unknown> = { ...b };
  for (const key in left) if (!deepEqual(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false;
  return true;
}

/** Whether merging `patch` into `value`, as a JSON merge patch is, would change nothing. */
export function includesAll(value: unknown, patch: unknown): boolean {
  if (!isObject(patch)) return deepEqual(value, patch);
  if (!isObject(value)) return false;
  return Object.entries(patch).every(([key, wanted]) =>
    wanted === null || wanted === undefined ? value[key] === undefined : includesAll(value[key], wanted),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
