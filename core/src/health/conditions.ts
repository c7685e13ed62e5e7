import type { KubeObject } from "../manifest/object.ts";
import { type Fields, listAt, numberAt, textAt } from "./object-fields.ts";

/** One entry of `status.conditions`. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** Of the condition itself, where its controller says so. */
  readonly observedGeneration: number | undefined;
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
  };
}
