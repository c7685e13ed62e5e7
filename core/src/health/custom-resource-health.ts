import type { KubeObject } from "../manifest/object.ts";
import type { Health } from "../status/report.ts";
import { type Condition, conditionsOf, sayCondition } from "./conditions.ts";
import { isBehind, numberAt } from "./object-fields.ts";
import { type HealthVerdict, healthy, progressing } from "./verdict.ts";

interface ConditionRule {
  readonly type: string;
  /** Values of the condition's status that decide; none of them passes the object on to the next rule. */
  readonly verdicts: Readonly<Record<string, Health>>;
}

/** The first rule whose condition decides wins. Reconciling and Stalled are set only while something is unusual. */
const RULES: readonly ConditionRule[] = [
  { type: "Reconciling", verdicts: { True: "Progressing" } },
  { type: "Stalled", verdicts: { True: "Degraded" } },
  { type: "Ready", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
];

/** Any kind without a rule of its own: what it says by the conditions most controllers share. */
export function customResourceHealth(object: KubeObject): HealthVerdict | undefined {
  if (isBehind(object, { strict: false })) return progressing("its controller has not seen the newest spec yet");
  const conditions = conditionsOf(object);
  for (const rule of RULES) {
    const condition = conditions.find((candidate) => candidate.type === rule.type);
    const health = condition === undefined ? undefined : rule.verdicts[condition.status];
    if (condition === undefined || health === undefined) continue;
    if (health === "Healthy") return isOutdated(object, condition) ? outdated(condition) : healthy();
    return { health, message: sayCondition(condition) };
  }
  return numberAt(object, "status.observedGeneration") === undefined ? undefined : healthy();
}

/** A condition may carry the generation it speaks of: one of an older spec proves nothing of this one. */
function isOutdated(object: KubeObject, condition: Condition): boolean {
  const generation = numberAt(object.metadata, "generation");
  return (
    condition.observedGeneration !== undefined && generation !== undefined && condition.observedGeneration < generation
  );
}

function outdated(condition: Condition): HealthVerdict {
  return progressing(`its condition ${condition.type} speaks of an older spec`);
}
