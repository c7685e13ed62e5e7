import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, sayCondition } from "./conditions.ts";
import { listAt, numberAt, textAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, NOT_SEEN, progressing, suspended } from "./verdict.ts";

const FAILURES = ["RolloutAborted", "ProgressDeadlineExceeded"];

/** A Rollout of Argo Rollouts, which writes the generation it saw as text, and its phase since 1.0. */
export function rolloutHealth(object: KubeObject): HealthVerdict {
  const generation = numberAt(object.metadata, "generation");
  const observed = Number(textAt(object, "status.observedGeneration"));
  // Releases before 1.0 wrote a hash there: it says nothing of order.
  const isNumber = Number.isInteger(observed) && observed > 0;
  if (valueAt(object, "status.observedGeneration") === undefined) return progressing(NOT_SEEN);
  if (isNumber && generation !== undefined && observed !== generation) return progressing(NOT_SEEN);

  const conditions = conditionsOf(object);
  const invalid = findCondition(conditions, "InvalidSpec");
  if (invalid?.status === "True") return degraded(sayCondition(invalid));
  const rollout = findCondition(conditions, "Progressing");
  if (rollout !== undefined && FAILURES.includes(rollout.reason)) return degraded(sayCondition(rollout));
  const message = textAt(object, "status.message");
  const phase = textAt(object, "status.phase");
  if (phase === "Degraded") return degraded(message || "degraded");
  if (valueAt(object, "spec.paused") === true) return suspended("the rollout is paused");
  if (phase === "Paused" || listAt(object, "status.pauseConditions").length > 0) {
    const reasons = listAt(object, "status.pauseConditions").map((pause) => textAt(pause, "reason"));
    return suspended(message || `the rollout is paused${reasons.length > 0 ? `: ${reasons.join(", ")}` : ""}`);
  }
  if (phase === "Healthy") return healthy();
  return progressing(message || "the rollout is not complete");
}
