import { isRecord, memberKeys, valueAt } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";

/** From the root of an object to one field, in the keys of a {@link FieldSet}. */
export type FieldPath = readonly string[];

/** The innermost fields of a set. */
export function leavesOf(fields: FieldSet, at: FieldPath = []): readonly FieldPath[] {
  return memberKeys(fields).flatMap((key) => {
    const members = fields[key] ?? {};
    return memberKeys(members).length === 0 ? [[...at, key]] : leavesOf(members, [...at, key]);
  });
}

/** The key by which owners know an item of the list at `path`; undefined where the list is owned whole. */
export function keyOfItem(item: unknown, path: FieldPath, owned: readonly FieldSet[]): string | undefined {
  for (const fields of owned) {
    const at = path.reduce<FieldSet | undefined>((set, key) => set?.[key], fields) ?? {};
    const key = memberKeys(at).find(
      (candidate) => /^[kv]:/.test(candidate) && valueAt([item], candidate) !== undefined,
    );
    if (key !== undefined) return key;
  }
  return undefined;
}

/** A copy without what is at `path`. */
export function removeAt<T>(value: T, path: FieldPath): T {
  return edit(value, path, () => undefined) as T;
}

/** A copy with something else at `path`, where there is something. */
export function replaceAt<T>(value: T, path: FieldPath, by: unknown): T {
  return edit(value, path, () => by) as T;
}

function edit(value: unknown, path: FieldPath, change: (value: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  const at = valueAt(value, key);
  if (at === undefined) return value;
  const edited = edit(at, rest, change);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => (item !== at ? [item] : edited === undefined ? [] : [edited]));
  }
  if (!isRecord(value)) return value;
  const name = key.slice(2);
  const { [name]: _replaced, ...others } = value;
  return edited === undefined ? others : { ...value, [name]: edited };
}
