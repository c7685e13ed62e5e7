import { createHash } from "node:crypto";
import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { appliedFieldsOf, isRecord, memberKeys, valueAt } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";

/** Set by the server, never declared in `metadata`. */
const SERVER_SET_METADATA: ReadonlySet<string> = new Set(["name", "namespace"]);

/**
 * What we own on an object and the values it has there, as a short text: taken from the answer to our apply, and equal
 * as long as nobody takes a field from us or changes one behind our back. Both sides are as the server normalised them,
 * so defaulting makes no difference. Undefined when `manager` owns nothing there.
 */
export function fingerprintOwned(desired: KubeObject, live: KubeObject, manager: string): string | undefined {
  const fields = appliedFieldsOf(live, manager);
  if (fields === undefined) return undefined;
  const owned = { apiVersion: live.apiVersion, fields, values: project(live, fields, desired) };
  return createHash("sha256").update(canonicalJson(owned)).digest("base64");
}

function project(value: unknown, fields: FieldSet, desired: unknown): unknown {
  const keys = memberKeys(fields);
  if (keys.length === 0) return isEmptyRecord(desired) ? {} : (value ?? null);
  return keys.map((key) => {
    const members = fields[key];
    const at = valueAt(value, key);
    if (at === undefined || members === undefined) return null;
    return project(at, members, valueAt(desired, key));
  });
}

/**
 * Whether an apply of `desired` would surely change nothing: everything declared is there with the very value and is
 * ours, and we own nothing that is not declared. False also where the server writes a value another way than we do
 * (quantities, filled-in defaults of atomic lists): a dry-run then decides.
 */
export function isSurelyApplied(desired: KubeObject, live: KubeObject, manager: string): boolean {
  const fields = appliedFieldsOf(live, manager);
  if (fields === undefined || desired.apiVersion !== live.apiVersion || desired.kind !== live.kind) return false;
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = desired;
  const declared = Object.entries(metadata).filter(([key]) => !SERVER_SET_METADATA.has(key));
  const owned = declared.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(declared) };
  return matches(owned, live, fields);
}

function matches(desired: unknown, live: unknown, fields: FieldSet): boolean {
  const keys = memberKeys(fields);
  if (keys.length === 0) return canonicalJson(desired) === canonicalJson(live);
  const size = Array.isArray(desired) ? desired.length : isRecord(desired) ? Object.keys(desired).length : -1;
  if (size !== keys.length) return false;
  return keys.every((key) => {
    const [want, have, members] = [valueAt(desired, key), valueAt(live, key), fields[key]];
    return want !== undefined && have !== undefined && members !== undefined && matches(want, have, members);
  });
}

function isEmptyRecord(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}
