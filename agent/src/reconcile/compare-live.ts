import type { KubeObject } from "@axle/core/manifest/object.ts";
import { deepEqual } from "./deep-equal.ts";
import { appliedFieldsOf } from "./field-set.ts";
import { resourceVersionOf } from "./live-meta.ts";

/** Changed by the server on its own. */
const VOLATILE: ReadonlySet<string> = new Set([
  "managedFields",
  "resourceVersion",
  "generation",
  "uid",
  "creationTimestamp",
]);

/**
 * Whether writing what the dry-run shows would change the live object: its content, or what `manager` owns of it.
 * `status` belongs to controllers and is not compared.
 */
export function wouldChange(dryRun: KubeObject, live: KubeObject, manager: string): boolean {
  if (!deepEqual(contentOf(dryRun), contentOf(live))) return true;
  return !deepEqual(appliedFieldsOf(dryRun, manager), appliedFieldsOf(live, manager));
}

/** Whether a dry-run was made over this very state of the object: it shows the version it was made over. */
export function isSameVersion(dryRun: KubeObject, live: KubeObject): boolean {
  return resourceVersionOf(dryRun) === resourceVersionOf(live);
}

/** A dry-run that made an object has no version to show: the object does not exist. */
export function wouldCreate(dryRun: KubeObject): boolean {
  return resourceVersionOf(dryRun) === "";
}

function contentOf(object: KubeObject): Record<string, unknown> {
  const { status: _status, metadata, ...rest } = object;
  const declared = Object.entries(metadata).filter(([key]) => !VOLATILE.has(key));
  return { ...rest, metadata: Object.fromEntries(declared) };
}
