import type { KubeObject } from "../manifest/object.ts";
import { isBehind, numberAt } from "./object-fields.ts";
import { type ConditionRule, judgeConditions, UNUSUAL } from "./status-rule.ts";
import { type HealthVerdict, healthy, NOT_SEEN, progressing } from "./verdict.ts";

/**
 * The first whose condition decides wins. Ready is the field's standard; what comes after it is asked only of controllers
 * that do not write it. What Ready says against is progress, not failure: it also says so while it works.
 */
const RULES: readonly ConditionRule[] = [
  ...UNUSUAL,
  // Crossplane's way, for composite resources and claims, which live in groups of their own.
  { type: "Synced", verdicts: { False: "Degraded" } },
  { type: "Ready", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
  { type: "Failed", verdicts: { True: "Degraded" } },
  { type: "Degraded", verdicts: { True: "Degraded" } },
  { type: "Succeeded", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
  { type: "Complete", verdicts: { True: "Healthy" } },
  { type: "Completed", verdicts: { True: "Healthy" } },
  { type: "Available", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
  { type: "Healthy", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
  { type: "Established", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
  { type: "Programmed", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
  { type: "Accepted", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
  { type: "Reconciled", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
  { type: "Synced", verdicts: { True: "Healthy", Unknown: "Progressing" } },
];

/** Any kind without a rule of its own: what it says by the conditions most controllers share. */
export function customResourceHealth(object: KubeObject): HealthVerdict | undefined {
  if (isBehind(object, { strict: false })) return progressing(NOT_SEEN);
  const verdict = judgeConditions(object, RULES);
  if (verdict !== undefined) return verdict;
  return numberAt(object, "status.observedGeneration") === undefined ? undefined : healthy();
}
