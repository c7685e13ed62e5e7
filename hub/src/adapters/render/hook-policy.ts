import type { KubeObject } from "@axle/core/manifest/object.ts";

/** What becomes of an object that a chart declares as a hook. */
export type HookFate = "object" | "hook" | "test" | "never";

const TEST_EVENTS: ReadonlySet<string> = new Set(["test", "test-success", "test-failure"]);
/** Nothing here ever rolls back or uninstalls by Helm, and to run these at install would undo it. */
const NEVER_EVENTS: ReadonlySet<string> = new Set(["pre-delete", "post-delete", "pre-rollback", "post-rollback"]);

/** By the annotation `helm.sh/hook`; an object with any event that does happen is kept. */
export function fateOf(object: KubeObject): HookFate {
  const annotation = object.metadata.annotations?.["helm.sh/hook"];
  if (annotation === undefined) return "object";
  const events = annotation.split(",").map((event) => event.trim());
  if (events.every((event) => TEST_EVENTS.has(event))) return "test";
  return events.every((event) => TEST_EVENTS.has(event) || NEVER_EVENTS.has(event)) ? "never" : "hook";
}
