import { groupOf } from "@axle/core/manifest/object.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { KubeError } from "../adapters/kube/kube-error.ts";
import { managedEntriesOf } from "./field-set.ts";

/** Whether the server stumbled over fields that are owned in a version of the kind it no longer serves. */
export function isVersionTrouble({ message }: KubeError): boolean {
  return /field not declared in schema|to last applied version|convert CR from an invalid group\/version/.test(message);
}

/**
 * The patch that makes owners own their fields in the version the object is applied in; undefined when all do. Without
 * it no apply is taken once the CRD has dropped the older version.
 */
export function migrationPatch(live: KubeObject, apiVersion: string): readonly object[] | undefined {
  const entries = managedEntriesOf(live);
  const isOld = (written: string) => written !== apiVersion && groupOf(written) === groupOf(apiVersion);
  if (!entries.some((entry) => isOld(entry.apiVersion))) return undefined;
  const migrated = entries.map((entry) => (isOld(entry.apiVersion) ? { ...entry, apiVersion } : entry));
  return [
    { op: "test", path: "/metadata/resourceVersion", value: live.metadata["resourceVersion"] },
    { op: "replace", path: "/metadata/managedFields", value: migrated },
  ];
}
