/** `${NAME}`; with a second dollar before it, it stands for itself. */
const PLACEHOLDER = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${NAME}` in every string value (not in keys) for the names given; `$${NAME}` becomes `${NAME}`. A name that
 * is not given is left exactly as it stands, escaped or not: scripts and templates in ConfigMaps are full of them. What
 * does not change is not copied.
 */
export function substitute<T>(value: T, values: Readonly<Record<string, string>>): T {
  if (Object.keys(values).length === 0) return value;
  return replaceIn(value, values) as T;
}

function replaceIn(value: unknown, values: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string") return value.includes("${") ? replaceText(value, values) : value;
  if (Array.isArray(value)) {
    const items = value.map((item) => replaceIn(item, values));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const before = Object.entries(value);
  const after = before.map(([key, member]) => [key, replaceIn(member, values)] as const);
  return after.some(([, member], index) => member !== before[index]?.[1]) ? Object.fromEntries(after) : value;
}

function replaceText(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(PLACEHOLDER, (whole: string, escape: string, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return whole;
    return escape === "" ? value : whole.slice(1);
  });
}
