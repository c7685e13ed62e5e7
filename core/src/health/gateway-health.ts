import type { KubeObject } from "../manifest/object.ts";
import { type Condition, findCondition, sayCondition, toCondition } from "./conditions.ts";
import { type Fields, listAt, numberAt, textAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing } from "./verdict.ts";

/** A Gateway: its own conditions, then those of every listener. */
export function gatewayHealth(object: KubeObject): HealthVerdict {
  const own = currentConditions(object, object, "status.conditions");
  const listeners = listAt(object, "status.listeners");
  if (own.length === 0 && listeners.length === 0) return progressing("waits for its controller");
  const verdicts = [
    judge(own, ""),
    ...listeners.map((listener) =>
      judge(currentConditions(object, listener, "conditions"), `listener ${textAt(listener, "name")}: `),
    ),
  ];
  return (
    worst(verdicts) ?? (own.length > 0 ? healthy() : progressing("its controller has not seen the newest spec yet"))
  );
}

/**
 * A route: its conditions stand with each of its parents. A parent whose conditions are of an older spec is passed over,
 * because some controllers leave the entry of a parent that was removed; one that is current there must be.
 */
export function routeHealth(object: KubeObject): HealthVerdict {
  return attachedHealth(object, "status.parents", "parentRef");
}

/** A policy: the same with each of its ancestors. */
export function policyHealth(object: KubeObject): HealthVerdict {
  return attachedHealth(object, "status.ancestors", "ancestorRef");
}

function attachedHealth(object: KubeObject, path: string, ref: string): HealthVerdict {
  const current = listAt(object, path)
    .map((parent) => ({ parent, conditions: currentConditions(object, parent, "conditions") }))
    .filter(({ conditions }) => conditions.length > 0);
  if (current.length === 0) {
    const seen = listAt(object, path).length > 0;
    return progressing(seen ? "its controller has not seen the newest spec yet" : "waits to be attached");
  }
  const verdicts = current.map(({ parent, conditions }) => judge(conditions, `${nameOf(valueAt(parent, ref))}: `));
  return worst(verdicts) ?? healthy();
}

/** Conditions that speak of the newest spec, or do not say of which. */
function currentConditions(object: KubeObject, holder: Fields, path: string): readonly Condition[] {
  const generation = numberAt(object.metadata, "generation");
  return listAt(holder, path)
    .map(toCondition)
    .filter(({ observedGeneration }) => {
      return generation === undefined || observedGeneration === undefined || observedGeneration >= generation;
    });
}

/** Undefined when all is well. */
function judge(conditions: readonly Condition[], where: string): HealthVerdict | undefined {
  for (const type of ["Accepted", "ResolvedRefs"]) {
    const condition = findCondition(conditions, type);
    if (condition === undefined || condition.status === "True") continue;
    const waits = condition.status !== "False" || condition.reason === "Pending";
    return (waits ? progressing : degraded)(`${where}${sayCondition(condition)}`);
  }
  const programmed = findCondition(conditions, "Programmed");
  if (programmed !== undefined && programmed.status !== "True") {
    const invalid = programmed.status === "False" && programmed.reason === "Invalid";
    return (invalid ? degraded : progressing)(`${where}${sayCondition(programmed)}`);
  }
  return undefined;
}

function worst(verdicts: readonly (HealthVerdict | undefined)[]): HealthVerdict | undefined {
  return (
    verdicts.find((verdict) => verdict?.health === "Degraded") ?? verdicts.find((verdict) => verdict !== undefined)
  );
}

function nameOf(ref: unknown): string {
  return `parent ${textAt({ ref }, "ref.name")}`;
}
