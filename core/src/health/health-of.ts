import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, sayCondition } from "./conditions.ts";
import { judgeByChecks, type PreparedCheck } from "./health-checks.ts";
import { ruleFor } from "./kind-rules.ts";
import { type HealthVerdict, progressing } from "./verdict.ts";

/**
 * The health of one live object, from what the object itself says. Undefined when it has none and so does not count
 * (a ConfigMap, a Role). `nowMs` decides only where the answer depends on how long something lasts. `checks` are the
 * app's own rules, see {@link prepareChecks}: one that fits the object and decides overrules what is known of its kind.
 */
export function healthOf(
  object: KubeObject,
  nowMs: number,
  checks: readonly PreparedCheck[] = [],
): HealthVerdict | undefined {
  const deletedAt = object.metadata["deletionTimestamp"];
  if (typeof deletedAt === "string") return progressing(sayDeletion(object, deletedAt));
  return judgeByChecks(object, checks) ?? ruleFor(object)(object, nowMs);
}

function sayDeletion(object: KubeObject, since: string): string {
  const finalizers = object.metadata["finalizers"];
  const waits = Array.isArray(finalizers) && finalizers.length > 0 ? `, blocked by ${finalizers.join(", ")}` : "";
  // A namespace says in its conditions what is still in it and what could not be deleted.
  const inside = object.kind === "Namespace" ? conditionsOf(object).filter(({ status }) => status === "True") : [];
  const rest = inside.map((condition) => `; ${sayCondition(condition)}`).join("");
  return `Pending deletion since ${since}${waits}${rest}`;
}
