import type { KubeObject } from "../manifest/object.ts";
import { HEALTH_ORDER, type Health } from "../status/report.ts";
import { type Condition, conditionsOf, isOutdated, outdated, sayCondition } from "./conditions.ts";
import { isBehind, textAt, valueAt } from "./object-fields.ts";
import { type HealthRule, type HealthVerdict, NOT_SEEN, progressing, suspended } from "./verdict.ts";

/** How kinds that say all of it in their conditions or in one word of their status are judged: a rule as data. */
export interface StatusRule {
  /** `group/Kind`; `*` stands for any kind, `*.` at the start of the group for any group below it. */
  readonly kinds: readonly string[];
  /** Dotted paths that switch the controller off when they are true: the object is Suspended, whatever else it says. */
  readonly suspendedBy?: readonly string[];
  /** In order: the first whose condition decides wins. Those of {@link UNUSUAL} come before them unless they name the same type. */
  readonly conditions?: readonly ConditionRule[];
  /** Asked when no condition decides. */
  readonly phase?: PhaseRule;
  /** What the object waits for while nothing of this decides; without it, the rules for any custom resource judge on. */
  readonly waitsFor?: string;
}

export interface ConditionRule {
  readonly type: string;
  /** By the condition's status; one that is not here passes the object on to the next rule. */
  readonly verdicts: Readonly<Record<string, Health>>;
  /** Reasons that are judged otherwise, whatever the status; "pass" asks the next rule. */
  readonly reasons?: Readonly<Record<string, Health | "pass">>;
  /** A False of a severity below Error is progress: the controller itself grades it so. */
  readonly graded?: true;
}

/** One word of the status, e.g. `status.phase`. A word in no list is Progressing: controllers invent words for what they are doing. */
export interface PhaseRule {
  readonly path: string;
  readonly words: Readonly<Partial<Record<Health, readonly string[]>>>;
  /** Where the status says more; the first that is not empty. */
  readonly says?: readonly string[];
}

/** Standard of the field: these are there only while something is unusual, for any kind. */
export const UNUSUAL: readonly ConditionRule[] = [
  { type: "Reconciling", verdicts: { True: "Progressing" } },
  { type: "Stalled", verdicts: { True: "Degraded" } },
];

/** `otherwise` judges what the rule leaves open. */
export function judgeByStatus(rule: StatusRule, otherwise: HealthRule): HealthRule {
  const own = rule.conditions ?? [];
  const conditions = [...UNUSUAL.filter(({ type }) => !own.some((condition) => condition.type === type)), ...own];
  return (object, nowMs) => {
    const switchedOff = rule.suspendedBy?.find((path) => valueAt(object, path) === true);
    if (switchedOff !== undefined) return suspended(`${switchedOff} is true`);
    if (isBehind(object, { strict: false })) return progressing(NOT_SEEN);
    const verdict =
      judgeConditions(object, conditions) ?? (rule.phase === undefined ? undefined : judgePhase(object, rule.phase));
    if (verdict !== undefined) return verdict;
    return rule.waitsFor === undefined ? otherwise(object, nowMs) : progressing(`waits for ${rule.waitsFor}`);
  };
}

/** Undefined when no condition decides. A condition may carry the generation it speaks of: one of an older spec proves nothing. */
export function judgeConditions(object: KubeObject, rules: readonly ConditionRule[]): HealthVerdict | undefined {
  const conditions = conditionsOf(object);
  for (const rule of rules) {
    const condition = conditions.find((candidate) => candidate.type === rule.type);
    const health = condition === undefined ? undefined : healthBy(rule, condition);
    if (condition === undefined || health === undefined) continue;
    if (isOutdated(object, condition)) return outdated(condition);
    return { health, message: health === "Healthy" ? "" : sayCondition(condition) };
  }
  return undefined;
}

function healthBy({ verdicts, reasons, graded }: ConditionRule, condition: Condition): Health | undefined {
  const byReason = reasons?.[condition.reason];
  if (byReason !== undefined) return byReason === "pass" ? undefined : byReason;
  if (graded === true && condition.status === "False")
    return condition.severity === "Error" ? "Degraded" : "Progressing";
  return verdicts[condition.status];
}

function judgePhase(object: KubeObject, rule: PhaseRule): HealthVerdict | undefined {
  const word = textAt(object, rule.path);
  if (word === "") return undefined;
  const health = HEALTH_ORDER.find((candidate) => rule.words[candidate]?.includes(word)) ?? "Progressing";
  const more = (rule.says ?? []).map((path) => textAt(object, path)).find((text) => text !== "");
  if (health === "Healthy") return { health, message: "" };
  return { health, message: more === undefined || more === word ? word : `${word}: ${more}` };
}
