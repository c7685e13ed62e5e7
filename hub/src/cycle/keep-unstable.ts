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
 * A value that holds a name made anew follows that name. What stands in the annotations of a pod template (checksums,
 * random texts that force a rollout) stays only while the app's Secrets and ConfigMaps are what they were: their change
 * is what such an annotation is there to pass on.
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
      const pointers = (entry.unstable ?? []).filter((pointer) => known?.has(pointer) === true && isWanted(pointer));
      if (before === undefined || pointers.length === 0) return entry;
      const object = structuredClone(entry.object);
      for (const pointer of pointers) copyValue(before, object, { pointer, names });
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
  { pointer, names }: { readonly pointer: string; readonly names: readonly string[] },
): void {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = steps.pop();
  const [source, target] = [containerAt(from, steps), containerAt(to, steps)];
  if (last === undefined || source === undefined || target === undefined) return;
  if (!Object.hasOwn(source, last) || !Object.hasOwn(target, last)) return;
  const made = JSON.stringify(target[last]);
  if (names.some((name) => made.includes(JSON.stringify(name).slice(1, -1)))) return;
  target[last] = structuredClone(source[last]);
}

function containerAt(root: unknown, steps: readonly string[]): Record<string, unknown> | undefined {
  let value: unknown = root;
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
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
