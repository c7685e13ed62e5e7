import type { KubeObject } from "../manifest/object.ts";
import { type Fields, listAt, numberAt, textAt } from "./object-fields.ts";
import { type HealthVerdict, progressing } from "./verdict.ts";

/** One entry of `status.conditions`. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** Of the condition itself, where its controller says so. */
  readonly observedGeneration: number | undefined;
  /** When it last became what it is, as written; "" when it does not say. */
  readonly since: string;
  /** Error, Warning or Info, where a controller grades what is not True; "" otherwise. */
  readonly severity: string;
}

export function conditionsOf(object: KubeObject): readonly Condition[] {
  return listAt(object, "status.conditions").map(toCondition);
}

export function findCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

export function isTrue(conditions: readonly Condition[], type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/** The condition in words: its message, else its reason, else its type and status. */
export function sayCondition(condition: Condition): string {
  return condition.message || condition.reason || `${condition.type} is ${condition.status}`;
}

export function toCondition(fields: Fields): Condition {
  return {
    type: textAt(fields, "type"),
    status: textAt(fields, "status"),
    reason: textAt(fields, "reason"),
    message: textAt(fields, "message"),
    observedGeneration: numberAt(fields, "observedGeneration"),
    since: textAt(fields, "lastTransitionTime"),
    severity: textAt(fields, "severity"),
  };
}

/** A condition of an older spec proves nothing of this one. */
export function isOutdated(object: KubeObject, condition: Condition): boolean {
  const generation = numberAt(object.metadata, "generation");
  return (
    condition.observedGeneration !== undefined && generation !== undefined && condition.observedGeneration < generation
  );
}

export function outdated(condition: Condition): HealthVerdict {
  return progressing(`its condition ${condition.type} speaks of an older spec`);
}
