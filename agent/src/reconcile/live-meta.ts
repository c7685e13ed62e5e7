import type { KubeObject } from "@axle/core/manifest/object.ts";

/** "" for an object that does not exist (a dry-run of a creation). */
export function resourceVersionOf(live: KubeObject): string {
  return textOf(live.metadata["resourceVersion"]);
}

export function uidOf(live: KubeObject): string {
  return textOf(live.metadata["uid"]);
}

export function isBeingDeleted(live: KubeObject): boolean {
  return live.metadata["deletionTimestamp"] !== undefined;
}

export function finalizersOf(live: KubeObject): readonly string[] {
  const finalizers = live.metadata["finalizers"];
  return Array.isArray(finalizers) ? finalizers : [];
}

/** Whether a resource version is above another. They are decimal numbers that outgrow JavaScript's. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
