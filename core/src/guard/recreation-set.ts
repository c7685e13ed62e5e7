import type { ObjectId } from "../manifest/object.ts";

/** One very object: another of the same name has another uid. */
export interface RecreatedObject {
  readonly id: ObjectId;
  readonly uid: string;
}

/**
 * What a set of objects to be deleted and made anew is: the SHA-256 (hex) of this text is the hash an approval names. The
 * uids make that approval worth nothing once it was acted on, and keep it apart from one for a deletion.
 */
export function recreationSetText(cluster: string, app: string, objects: Iterable<RecreatedObject>): string {
  const lines = [...objects].map(({ id, uid }) => `${id} ${uid}`);
  return `axle-recreation-v1\n${cluster}\n${app}\n${[...new Set(lines)].sort().join("\n")}`;
}
