import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { Rendered, RenderedObject } from "../ports.ts";

/** What an app's clusters run, as far as it was made anew when it was rendered. */
export interface PublishedPack {
  readonly objects: ReadonlyMap<ObjectId, KubeObject>;
  /** JSON pointers by object: fields that were made anew then. */
  readonly unstable: ReadonlyMap<ObjectId, ReadonlySet<string>>;
}

/**
 * Puts the values published first where a render made them anew, so that a password does not change because a replica
 * count did. Only fields that were made anew then, too: what was given by hand before and is generated now starts anew.
 * In a list they stay with their item. A value that holds a name made anew follows that name. What stands in the
 * annotations of a pod template (checksums, random texts that force a rollout) stays only while the app's Secrets and
 * ConfigMaps are what they were: their change is what such an annotation is there to pass on.
 */
export function keepUnstable(rendered: Rendered, published: PublishedPack): readonly RenderedObject[] {
  const names = (rendered.renamed ?? []).filter((name) => name !== "");
  const keep = (
    objects: readonly RenderedObject[],
    isWanted: (pointer: string) => boolean,
  ): readonly RenderedObject[] =>
    objects.map((entry) => {
      const before = published.objects.get(entry.id);
      const known = published.unstable.get(entry.id);
      const unstable = new Set(entry.unstable);
      if (before === undefined || known === undefined || unstable.size === 0) return entry;
      const object = structuredClone(entry.object);
      for (const pointer of [...unstable].filter(isWanted)) {
        const was = formerPointer(pointer, { value: entry.object, unstable }, { value: before, unstable: known });
        if (was !== undefined && known.has(was)) copyValue(before, object, { was, pointer, names });
      }
      return { ...entry, object };
    });
  const kept = keep(rendered.objects, (pointer) => !isPodAnnotation(pointer));
  return sameConfiguration(kept, published) ? keep(kept, isPodAnnotation) : kept;
}

/** `/spec/template/metadata/annotations/…`, also inside a CronJob. */
function isPodAnnotation(pointer: string): boolean {
  return /\/template\/metadata\/annotations\//.test(pointer);
}

function copyValue(
  from: KubeObject,
  to: KubeObject,
  { was, pointer, names }: { readonly was: string; readonly pointer: string; readonly names: readonly string[] },
): void {
  const [steps, wasSteps] = [stepsOf(pointer), stepsOf(was)];
  const [last, wasLast] = [steps.pop(), wasSteps.pop()];
  const [source, target] = [containerAt(from, wasSteps), containerAt(to, steps)];
  if (last === undefined || wasLast === undefined || source === undefined || target === undefined) return;
  if (!Object.hasOwn(source, wasLast) || !Object.hasOwn(target, last)) return;
  const made = JSON.stringify(target[last]);
  if (names.some((name) => made.includes(JSON.stringify(name).slice(1, -1)))) return;
  target[last] = structuredClone(source[wasLast]);
}

function stepsOf(pointer: string): string[] {
  return pointer.split("/").slice(1).map(unescapeStep);
}

function unescapeStep(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

function escapeStep(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function containerAt(root: unknown, steps: readonly string[]): Record<string, unknown> | undefined {
  let value: unknown = root;
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** A value with the JSON pointers to its fields that were made anew. */
interface Marked {
  readonly value: unknown;
  readonly unstable: ReadonlySet<string>;
}

/**
 * Where a field of an object stood before. Items of a list move when others come and go, so one is the same only by its `name`
 * or `key`, or because nothing else in it changed. Undefined for what has no place of before: a value kept there would be
 * another's password.
 */
function formerPointer(pointer: string, now: Marked, before: Marked): string | undefined {
  let [here, there] = [at(now, ""), at(before, "")];
  for (const step of pointer.split("/").slice(1)) {
    if (Array.isArray(here.value) !== Array.isArray(there.value)) return undefined;
    const formerStep = Array.isArray(here.value) ? formerPosition(step, here, there) : step;
    if (formerStep === undefined) return undefined;
    [here, there] = [childOf(here, step), childOf(there, formerStep)];
    if (here.value === undefined || there.value === undefined) return undefined;
  }
  return there.pointer;
}

interface Place extends Marked {
  readonly pointer: string;
}

function at({ value, unstable }: Marked, pointer: string): Place {
  return { value, unstable, pointer };
}

function childOf({ value, unstable, pointer }: Place, step: string): Place {
  const name = unescapeStep(step);
  const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, name);
  const child = isThere ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
  return { value: child, unstable, pointer: `${pointer}/${step}` };
}

function formerPosition(step: string, now: Place, before: Place): string | undefined {
  const [item, former] = [childOf(now, step), childOf(before, step)];
  for (const field of ["name", "key"]) {
    const [names, formerNames] = [now, before].map((list) => namesIn(list, field)) as [Names, Names];
    const name = names[Number(step)];
    if (name === undefined || names.filter((each) => each === name).length > 1) continue;
    const position = formerNames.indexOf(name);
    if (position === -1) return undefined;
    if (formerNames.lastIndexOf(name) === position) return String(position);
  }
  if (former.value === undefined) return undefined;
  const isSame = isSameBut(item, former) && hasFixedPart(item);
  return isSame || isSameBut(now, before) ? step : undefined;
}

type Names = readonly (string | undefined)[];

function namesIn(list: Place, field: string): Names {
  return (list.value as readonly unknown[]).map((_, position) => {
    const { value, pointer } = childOf(childOf(list, String(position)), field);
    return typeof value === "string" && !list.unstable.has(pointer) ? value : undefined;
  });
}

/** Equal but for what was made anew in either. */
function isSameBut(a: Place, b: Place): boolean {
  const unstable = new Set(
    [a, b].flatMap(({ unstable: pointers, pointer }) =>
      [...pointers].flatMap((each) => (isBelow(each, pointer) ? [each.slice(pointer.length)] : [])),
    ),
  );
  const [first, second] = [a, b].map(({ value }) => canonicalJson(fixedPart(value, "", unstable))) as [string, string];
  return first === second;
}

function isBelow(pointer: string, ancestor: string): boolean {
  return pointer === ancestor || pointer.startsWith(`${ancestor}/`);
}

/** With null for what was made anew. */
function fixedPart(value: unknown, pointer: string, unstable: ReadonlySet<string>): unknown {
  if (unstable.has(pointer)) return null;
  if (typeof value !== "object" || value === null) return value;
  const part = (name: string, child: unknown): unknown => fixedPart(child, `${pointer}/${escapeStep(name)}`, unstable);
  if (Array.isArray(value)) return value.map((child, position) => part(String(position), child));
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, part(name, child)]));
}

/** Whether anything in it could tell it from another. */
function hasFixedPart({ value, unstable, pointer }: Place): boolean {
  if (unstable.has(pointer)) return false;
  if (typeof value !== "object" || value === null) return true;
  return Object.keys(value).some((name) => hasFixedPart(childOf({ value, unstable, pointer }, escapeStep(name))));
}

function sameConfiguration(objects: readonly RenderedObject[], published: PublishedPack): boolean {
  const now = objects.map(({ object }) => object);
  return configurationOf(now) === configurationOf([...published.objects.values()]);
}

function configurationOf(objects: readonly KubeObject[]): string {
  const texts = objects
    .filter(({ kind }) => kind === "Secret" || kind === "ConfigMap")
    .map((object) => canonicalJson(object));
  return texts.sort().join("\n");
}
