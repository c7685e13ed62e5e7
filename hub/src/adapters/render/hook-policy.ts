import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeRef, refOf, type KubeObject } from "@axle/core/manifest/object.ts";
import { warning, type FoundObject } from "./finish-objects.ts";

/** What becomes of an object that a chart declares as a hook; `unknown`: an event nobody knows. */
export type HookFate = "object" | "hook" | "unknown" | "test" | "never";

const RUN_EVENTS: ReadonlySet<string> = new Set(["pre-install", "post-install", "pre-upgrade", "post-upgrade"]);
const TEST_EVENTS: ReadonlySet<string> = new Set(["test", "test-success", "test-failure"]);
/** Nothing here ever rolls back or uninstalls by Helm, and to run these at install would undo it. */
const NEVER_EVENTS: ReadonlySet<string> = new Set(["pre-delete", "post-delete", "pre-rollback", "post-rollback"]);

/** By the annotation `helm.sh/hook`; an object with any event that does happen is kept. */
export function fateOf(object: KubeObject): HookFate {
  const events = eventsOf(object);
  if (events.length === 0) return "object";
  if (events.some((event) => RUN_EVENTS.has(event))) return "hook";
  if (events.every((event) => TEST_EVENTS.has(event))) return "test";
  return events.every((event) => TEST_EVENTS.has(event) || NEVER_EVENTS.has(event)) ? "never" : "unknown";
}

function eventsOf(object: KubeObject): readonly string[] {
  const annotation: unknown = object.metadata.annotations?.["helm.sh/hook"];
  return typeof annotation === "string" ? annotation.split(",").map((event) => event.trim().toLowerCase()) : [];
}

/** Without tests, and without what only happens when a release of Helm's is rolled back or uninstalled. The agent runs the rest in its phases. */
export function keepHooks(
  found: readonly FoundObject[],
  app: string,
): { readonly objects: readonly FoundObject[]; readonly warnings: readonly Problem[] } {
  const warnings: Problem[] = [];
  const objects = found.filter(({ object, file }) => {
    const fate = fateOf(object);
    const name = describeRef(refOf(object));
    if (fate === "never") {
      warnings.push(warning(`${name} is a Helm hook for deletion or rollback and is left out`, { app, file }));
    }
    if (fate === "unknown") {
      const events = eventsOf(object).join(", ");
      warnings.push(
        warning(`${name} is a Helm hook for "${events}", which never happens; it is applied as an ordinary object`, {
          app,
          file,
        }),
      );
    }
    return fate !== "test" && fate !== "never";
  });
  return { objects, warnings };
}
