import type { Substitutions } from "./slice.ts";
import { placeOf, placeWithin, type TextPlace } from "./text-fields.ts";

/** `${NAME}`; with a second dollar before it, it stands for itself. */
const PLACEHOLDER = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
/** A string that is nothing but one. */
const WHOLE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

/**
 * Replaces `${NAME}` in every string value (not in keys) for the names given; `$${NAME}` becomes `${NAME}`. A name that
 * is not given is left exactly as it stands, escaped or not: scripts and templates in ConfigMaps are full of them. What
 * does not change is not copied.
 *
 * A string that is one placeholder and nothing else becomes what the value is, so that `replicas: ${REPLICAS}` is a number
 * where the Cluster file has one; in fields that hold text alone (see {@link TextPlace}) it is text all the same. The rejected
 * alternative, to put text in before parsing as envsubst does, guesses the type from the value's letters, and a pack holds
 * parsed objects anyway: whether a string stood in quotes, kustomize has forgotten long before.
 */
export function substitute<T>(value: T, values: Substitutions): T {
  if (Object.keys(values).length === 0) return value;
  return replaceIn(value, values, "any") as T;
}

function replaceIn(value: unknown, values: Substitutions, place: TextPlace): unknown {
  if (typeof value === "string") return value.includes("${") ? replaceString(value, values, place) : value;
  if (Array.isArray(value)) {
    const items = value.map((item) => replaceIn(item, values, place));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const here = placeOf(value, place);
  const before = Object.entries(value);
  const after = before.map(([key, member]) => [key, replaceIn(member, values, placeWithin(here, key))] as const);
  return after.some(([, member], index) => member !== before[index]?.[1]) ? Object.fromEntries(after) : value;
}

function replaceString(text: string, values: Substitutions, place: TextPlace): string | number | boolean {
  const name = place === "text" ? undefined : WHOLE.exec(text)?.[1];
  if (name !== undefined) return Object.hasOwn(values, name) ? (values[name] ?? text) : text;
  return text.replace(PLACEHOLDER, (whole: string, escape: string, named: string) => {
    const value = Object.hasOwn(values, named) ? values[named] : undefined;
    if (value === undefined) return whole;
    return escape === "" ? String(value) : whole.slice(1);
  });
}
