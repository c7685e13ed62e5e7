import type { ObjectId } from "../manifest/object.ts";

/** Sorted, none twice. */
export function uniteInventories(a: Iterable<ObjectId>, b: Iterable<ObjectId>): readonly ObjectId[] {
  return [...new Set([...a, ...b])].sort();
}

/** Parts of at most `limit` ids, sorted throughout; one empty part for an empty inventory. */
export function splitInventory(ids: Iterable<ObjectId>, limit: number): readonly (readonly ObjectId[])[] {
  const sorted = uniteInventories(ids, []);
  const parts: ObjectId[][] = [];
  for (let start = 0; start < sorted.length; start += limit) parts.push(sorted.slice(start, start + limit));
  return parts.length === 0 ? [[]] : parts;
}
