import type { KubeObject } from "../manifest/object.ts";

/** Anything with fields; nothing is known of what the API server or a custom controller put there. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value at a dotted path such as `status.readyReplicas`; undefined when any part is missing. */
export function valueAt(fields: Fields, path: string): unknown {
  let value: unknown = fields;
  for (const part of path.split(".")) {
    if (!isFields(value)) return undefined;
    value = value[part];
  }
  return value;
}

export function numberAt(fields: Fields, path: string): number | undefined {
  const value = valueAt(fields, path);
  return typeof value === "number" ? value : undefined;
}

export function textAt(fields: Fields, path: string): string {
  const value = valueAt(fields, path);
  return typeof value === "string" ? value : "";
}

/** Members that are objects; anything else in the list is passed over. */
export function listAt(fields: Fields, path: string): readonly Fields[] {
  const value = valueAt(fields, path);
  return Array.isArray(value) ? value.filter(isFields) : [];
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Milliseconds since 1970 of a Kubernetes time; undefined when it is missing or no time. */
export function timeAt(fields: Fields, path: string): number | undefined {
  const ms = Date.parse(textAt(fields, path));
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * The controller has not yet looked at the newest spec, or its status came from another life of the object (a restored
 * backup), above what the object is at. `strict`: one that never looked counts as behind, too.
 */
export function isBehind(object: KubeObject, options: { readonly strict: boolean }): boolean {
  const generation = numberAt(object.metadata, "generation");
  const observed = numberAt(object, "status.observedGeneration");
  if (generation === undefined) return false;
  return observed === undefined ? options.strict : observed !== generation;
}
