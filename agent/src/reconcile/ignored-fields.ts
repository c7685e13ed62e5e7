import type { IgnoreRule } from "@axle/core/fleet/app.ts";
import { matchesGlob } from "@axle/core/fleet/match-glob.ts";
import { parseCelFields } from "@axle/core/health/cel-fields.ts";
import type { FieldSelection, FieldSteps } from "@axle/core/health/cel-fields.ts";
import { formatId, groupOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { deepEqual } from "./deep-equal.ts";
import { isRecord, managedEntriesOf, memberKeys, valueAt } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import { keyOfItem, leavesOf, removeAt, replaceAt } from "./field-path.ts";
import type { FieldPath } from "./field-path.ts";
import type { ResolvedObject } from "./resolved-app.ts";

/** Whose word counts beside Git's for some objects: rules of the app, and autoscalers that aim at them. */
export interface Yielding {
  readonly rules: readonly IgnoreRule[];
  /** An autoscaler of the slice sets the object's replicas. */
  readonly autoscaled: boolean;
}

const REPLICAS: FieldPath = ["f:spec", "f:replicas"];
/** An autoscaler writes replicas as this manager, through the `scale` subresource. */
const AUTOSCALER = "kube-controller-manager";

/** The rules that may concern an object; none for most. */
export function rulesFor(object: KubeObject, rules: readonly IgnoreRule[]): readonly IgnoreRule[] {
  const { apiVersion, kind, metadata } = object;
  return rules.filter(
    (rule) =>
      (rule.group === undefined || rule.group === groupOf(apiVersion)) &&
      (rule.kind === undefined || rule.kind === kind) &&
      (rule.name === undefined || matchesGlob(rule.name, metadata.name)) &&
      (rule.namespace === undefined || matchesGlob(rule.namespace, metadata.namespace ?? "")),
  );
}

/** Whether the live object has to be read before `source` is applied over it. */
export function mayYield(source: KubeObject, yielding: Yielding): boolean {
  return yielding.rules.length > 0 || (yielding.autoscaled && declaresReplicas(source));
}

/** Fields of `source` that are others' to set, as paths of its live object. */
export function yieldedPaths(source: KubeObject, live: KubeObject, yielding: Yielding): readonly FieldPath[] {
  const paths: FieldPath[] = [];
  if (declaresReplicas(source) && (yielding.autoscaled || isAutoscaled(live))) paths.push(REPLICAS);
  const entries = managedEntriesOf(live);
  const owned = entries.map(({ fieldsV1 = {} }) => fieldsV1);
  for (const rule of yielding.rules) {
    const { jsonPointers = [], managers = [] } = rule;
    for (const pointer of jsonPointers)
      paths.push(...resolveSteps(stepsOf(pointer), { want: source, have: live, owned }));
    paths.push(...selectedPaths(rule, { source, live, owned }));
    for (const { manager, fieldsV1 = {}, subresource } of entries) {
      if (subresource !== "status" && managers.includes(manager)) paths.push(...leavesOf(fieldsV1));
    }
  }
  return paths;
}

/**
 * `prepared` as it may be applied over `live`: at each path that is others' to set and that stands otherwise there, ours
 * is left out where somebody else owns it, so that it becomes theirs alone; else the live value takes its place, because
 * leaving out what only we own would remove it.
 */
export function yieldFields(options: {
  readonly prepared: KubeObject;
  readonly live: KubeObject;
  readonly paths: readonly FieldPath[];
  readonly manager: string;
}): KubeObject {
  const { prepared, live, paths, manager } = options;
  const others = managedEntriesOf(live).filter((entry) => entry.manager !== manager && entry.subresource !== "status");
  return paths.reduce<KubeObject>((object, path) => {
    const want = path.reduce<unknown>(valueAt, object);
    const have = path.reduce<unknown>(valueAt, live);
    if (want === undefined || deepEqual(want, have)) return object;
    const isOwned = others.some(({ fieldsV1 = {} }) => ownsPath(fieldsV1, path));
    return have === undefined || isOwned ? removeAt(object, path) : replaceAt(object, path, have);
  }, prepared);
}

/** Whether everything that was lost is at or below paths that are others' to set. */
export function isYielded(lost: readonly FieldPath[], paths: readonly FieldPath[]): boolean {
  return lost.every((path) => paths.some((yielded) => yielded.every((key, index) => path[index] === key)));
}

/** What horizontal autoscalers among the objects aim at. */
export function autoscaledBy(objects: readonly ResolvedObject[]): ReadonlySet<ObjectId> {
  return new Set(
    objects.flatMap(({ source }) => {
      const spec = source["spec"];
      if (source.kind !== "HorizontalPodAutoscaler" && source.kind !== "ScaledObject") return [];
      const target = isRecord(spec) ? spec["scaleTargetRef"] : undefined;
      if (!isRecord(target)) return [];
      const { apiVersion = "apps/v1", kind = "Deployment", name } = target;
      const namespace = source.metadata.namespace ?? "";
      return [formatId({ group: groupOf(String(apiVersion)), kind: String(kind), namespace, name: String(name) })];
    }),
  );
}

function declaresReplicas(object: KubeObject): boolean {
  const spec = object["spec"];
  return isRecord(spec) && spec["replicas"] !== undefined;
}

function isAutoscaled(live: KubeObject): boolean {
  return managedEntriesOf(live).some(
    ({ manager, subresource, fieldsV1 = {} }) =>
      manager === AUTOSCALER && subresource === "scale" && ownsPath(fieldsV1, REPLICAS),
  );
}

function ownsPath(fields: FieldSet, path: FieldPath): boolean {
  let at = fields;
  for (const key of path) {
    const next = at[key];
    if (next === undefined) return memberKeys(at).length === 0 && at !== fields;
    at = next;
  }
  return true;
}

/** Rules come with a slice and are asked for every event of an object. */
const selections = new WeakMap<IgnoreRule, readonly FieldSelection[]>();

/** What the rule's expressions select in either; one that cannot be read (a newer hub checked it) selects nothing. */
function selectedPaths(
  rule: IgnoreRule,
  objects: { readonly source: KubeObject; readonly live: KubeObject; readonly owned: readonly FieldSet[] },
): readonly FieldPath[] {
  if (rule.celPaths === undefined) return [];
  const { source, live, owned } = objects;
  const parsed = selections.get(rule) ?? rule.celPaths.map(parseCelFields).flatMap(selectionOf);
  selections.set(rule, parsed);
  return parsed.flatMap((selection) => [
    ...selection.select(source).flatMap((steps) => resolveSteps(steps, { want: source, have: live, owned })),
    ...selection.select(live).flatMap((steps) => resolveSteps(steps, { want: live, have: live, owned })),
  ]);
}

function selectionOf(parsed: ReturnType<typeof parseCelFields>): readonly FieldSelection[] {
  return "selection" in parsed ? [parsed.selection] : [];
}

function stepsOf(pointer: string): FieldSteps {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A place in a list is that of the item with the same keys; a list that is owned whole is yielded whole. */
function resolveSteps(
  steps: FieldSteps,
  from: { readonly want: KubeObject; readonly have: KubeObject; readonly owned: readonly FieldSet[] },
): readonly FieldPath[] {
  const { want, have, owned } = from;
  let found: readonly { readonly path: FieldPath; readonly want: unknown; readonly have: unknown; whole: boolean }[] = [
    { path: [], want, have, whole: false },
  ];
  for (const name of steps) {
    found = found.flatMap((at) => {
      if (at.whole) return [at];
      const list = Array.isArray(at.want) ? at.want : at.have;
      if (Array.isArray(list)) {
        const items: readonly unknown[] = name === "*" ? list : [list[Number(name)]];
        const keys = items.map((item) => keyOfItem(item, at.path, owned));
        if (keys.some((key) => key === undefined)) return [{ ...at, whole: true }];
        return keys.flatMap((key) => (key === undefined ? [] : [below(at, key)]));
      }
      const members = isRecord(at.want) ? at.want : at.have;
      if (name !== "*") return [below(at, `f:${name}`)];
      return isRecord(members) ? Object.keys(members).map((member) => below(at, `f:${member}`)) : [];
    });
  }
  return found.map(({ path }) => path);
}

function below<At extends { readonly path: FieldPath; readonly want: unknown; readonly have: unknown }>(
  at: At,
  key: string,
): At {
  return { ...at, path: [...at.path, key], want: valueAt(at.want, key), have: valueAt(at.have, key) };
}
