import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { FieldChange } from "@axle/core/status/report.ts";
import { deepEqual } from "./deep-equal.ts";
import {
  appliedFieldsOf,
  formatPath,
  isRecord,
  managedEntriesOf,
  memberKeys,
  uniteFieldSets,
  valueAt,
} from "./field-set.ts";
import type { FieldSet, ManagedEntry } from "./field-set.ts";
import { describeChange } from "./describe-change.ts";
import type { FieldPath } from "./field-path.ts";
import { isYielded } from "./ignored-fields.ts";

/** Who changed what of an object we declare. */
export interface DriftExplanation {
  /** Field manager; "" when nothing says who. */
  readonly manager: string;
  readonly operation: string;
  readonly atMs: number;
  readonly paths: readonly string[];
  readonly changes: readonly FieldChange[];
}

const NOT_MANAGED: ReadonlySet<string> = new Set(["apiVersion", "kind"]);
const NOT_MANAGED_METADATA: ReadonlySet<string> = new Set(["name", "namespace"]);
const MOST_PATHS = 20;

/**
 * Names the declared fields that `manager` no longer owns or whose live value is another one, and who owns them now.
 * `nowMs` stands in where the object does not say when.
 */
export function explainDrift(
  desired: KubeObject,
  live: KubeObject,
  options: { readonly manager: string; readonly nowMs: number; readonly yielded?: readonly FieldPath[] },
): DriftExplanation {
  const { manager, nowMs, yielded = [] } = options;
  const entries = managedEntriesOf(live);
  const lost = lostPaths(desired, live, manager).filter((path) => !isYielded([path], yielded));
  const others = entries.filter((entry) => entry.manager !== manager && entry.subresource !== "status");
  const owners = others.filter((entry) => lost.some((path) => owns(entry.fieldsV1 ?? {}, path)));
  const newest = newestOf(owners) ?? newestOf(others);
  return {
    manager: newest?.manager ?? "",
    operation: newest?.operation ?? "Update",
    atMs: newest?.time === undefined ? nowMs : Date.parse(newest.time),
    paths: lost.slice(0, MOST_PATHS).map(formatPath),
    changes: lost.slice(0, MOST_PATHS).map((path) => describeChange(desired, live, path)),
  };
}

/** Declared fields that `manager` no longer owns or whose live value is another one. */
export function lostPaths(desired: KubeObject, live: KubeObject, manager: string): readonly FieldPath[] {
  const ours = appliedFieldsOf(live, manager) ?? {};
  const all = managedEntriesOf(live).reduce<FieldSet>((set, entry) => uniteFieldSets(set, entry.fieldsV1 ?? {}), {});
  const lost: FieldPath[] = [];
  collect({ desired: managedPart(desired), live, ours, all, path: [] }, lost);
  return lost;
}

interface Place {
  readonly desired: unknown;
  readonly live: unknown;
  /** Undefined: not ours any more. */
  readonly ours: FieldSet | undefined;
  readonly all: FieldSet | undefined;
  readonly path: FieldPath;
}

function collect(place: Place, lost: FieldPath[]): void {
  const { desired, live, ours, all, path } = place;
  const step = (key: string, want: unknown) =>
    collect(
      { desired: want, live: valueAt(live, key), ours: ours?.[key], all: all?.[key], path: [...path, key] },
      lost,
    );
  if (isRecord(desired) && Object.keys(desired).length > 0 && isSplit(ours, all, live)) {
    for (const [name, want] of Object.entries(desired)) step(`f:${name}`, want);
    return;
  }
  const keys = Array.isArray(desired) && all !== undefined ? memberKeys(all) : [];
  if (Array.isArray(desired) && keys.some((key) => key.startsWith("k:") || key.startsWith("v:"))) {
    for (const item of desired) {
      const key = keys.find((candidate) => valueAt([item], candidate) !== undefined);
      if (key === undefined) lost.push(path);
      else step(key, item);
    }
    return;
  }
  const isLeafChanged = typeof desired !== "object" && !isSameScalar(desired, live);
  if (live === undefined || ours === undefined || isLeafChanged) lost.push(path);
}

/** Whether the members of a map are owned one by one. */
function isSplit(ours: FieldSet | undefined, all: FieldSet | undefined, live: unknown): boolean {
  return isRecord(live) && [ours, all].some((fields) => fields !== undefined && memberKeys(fields).length > 0);
}

/** `1` and `"1"`, `500m` and `0.5` are told apart by ownership, not here: only what cannot be normalisation counts. */
function isSameScalar(want: unknown, have: unknown): boolean {
  return (
    deepEqual(want, have) ||
    String(want) === String(have) ||
    (/\d/.test(String(want)) && /^[\d.]+[a-zA-Z]*$/.test(String(have)))
  );
}

function owns(fields: FieldSet, path: FieldPath): boolean {
  let at: FieldSet = fields;
  for (const key of path) {
    const next = at[key];
    if (next === undefined) return memberKeys(at).length === 0 && at !== fields;
    at = next;
  }
  return true;
}

function newestOf(entries: readonly ManagedEntry[]): ManagedEntry | undefined {
  return entries.toSorted((a, b) => (b.time ?? "").localeCompare(a.time ?? "")).at(0);
}

function managedPart(object: KubeObject): Record<string, unknown> {
  const metadata = Object.entries(object.metadata).filter(([key]) => !NOT_MANAGED_METADATA.has(key));
  const rest = Object.entries(object).filter(([key]) => !NOT_MANAGED.has(key) && key !== "metadata");
  return Object.fromEntries(metadata.length === 0 ? rest : [...rest, ["metadata", Object.fromEntries(metadata)]]);
}
