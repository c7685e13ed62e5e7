import type { ObjectId } from "../manifest/object.ts";

/** What a deletion set is the deletion set of: the SHA-256 (hex) of this text is the hash an approval names. */
export function deletionSetText(cluster: string, app: string, ids: Iterable<ObjectId>): string {
  return `axle-deletion-v1\n${cluster}\n${app}\n${[...new Set(ids)].sort().join("\n")}`;
}
