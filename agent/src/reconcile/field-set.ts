import type { KubeObject } from "@axle/core/manifest/object.ts";

/**
 * Which fields somebody owns, as `managedFields[].fieldsV1` writes it: `f:name` a member, `k:{…}` a list item by its
 * keys, `v:…` a list item by its value, `i:n` by its place, `.` the thing itself. No members: a leaf, owned whole.
 */
export interface FieldSet {
  readonly [key: string]: FieldSet;
}

/** One entry of `metadata.managedFields`. */
export interface ManagedEntry {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: FieldSet;
}

export function managedEntriesOf(live: KubeObject): readonly ManagedEntry[] {
  const entries = live.metadata["managedFields"];
  return Array.isArray(entries) ? entries : [];
}

/** What `manager` owns by applying; undefined when it never applied this object. */
export function appliedFieldsOf(live: KubeObject, manager: string): FieldSet | undefined {
  return managedEntriesOf(live).find(
    (entry) => entry.manager === manager && entry.operation === "Apply" && entry.subresource === undefined,
  )?.fieldsV1;
}

/** The members of a set, without the mark for the thing itself. */
export function memberKeys(fields: FieldSet): readonly string[] {
  return Object.keys(fields).filter((key) => key !== ".");
}

/** What one key of a set leads to in a value; undefined when it is not there. */
export function valueAt(value: unknown, key: string): unknown {
  const rest = key.slice(2);
  switch (key.slice(0, 2)) {
    case "f:":
      return isRecord(value) ? value[rest] : undefined;
    case "k:":
      return Array.isArray(value) ? value.find((item) => hasKeys(item, rest)) : undefined;
    case "v:":
      return Array.isArray(value) ? value.find((item) => JSON.stringify(item) === rest) : undefined;
    case "i:":
      return Array.isArray(value) ? value[Number(rest)] : undefined;
    default:
      return undefined;
  }
}

/** Both sets together; a leaf of one and members of the other give the members. */
export function uniteFieldSets(a: FieldSet, b: FieldSet): FieldSet {
  const united: Record<string, FieldSet> = { ...a };
  for (const [key, members] of Object.entries(b)) {
    const held = united[key];
    united[key] = held === undefined ? members : uniteFieldSets(held, members);
  }
  return united;
}

/** How people write a path of keys: `spec.containers[name=app].image`. */
export function formatPath(keys: readonly string[]): string {
  let path = "";
  for (const key of keys) {
    const rest = key.slice(2);
    if (key.startsWith("f:")) path += path === "" ? rest : `.${rest}`;
    else if (key.startsWith("k:")) path += `[${formatKeys(rest)}]`;
    else path += `[${rest}]`;
  }
  return path;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasKeys(item: unknown, keysJson: string): boolean {
  const keys: unknown = JSON.parse(keysJson);
  return isRecord(item) && isRecord(keys) && Object.entries(keys).every(([name, value]) => item[name] === value);
}

function formatKeys(keysJson: string): string {
  const keys: unknown = JSON.parse(keysJson);
  if (!isRecord(keys)) return keysJson;
  return Object.entries(keys)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(",");
}
