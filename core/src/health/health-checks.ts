import type { HealthCheck } from "../fleet/app.ts";
import { matchesGlob } from "../fleet/match-glob.ts";
import { groupOf, type KubeObject } from "../manifest/object.ts";
import { type CelExpression, type CelObject, parseCel, toCelObject } from "./cel-expression.ts";
import { isBehind } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, NOT_SEEN, progressing } from "./verdict.ts";

/** A rule of the app, its expressions parsed. */
export interface PreparedCheck {
  fits(object: KubeObject): boolean;
  /** Undefined when it leaves the object to the next rule. */
  judge(object: KubeObject, cel: () => CelObject): HealthVerdict | undefined;
}

/** In this order, as users of other tools know it: the first that is true decides. */
const QUESTIONS = ["inProgress", "failed", "healthy"] as const;

/**
 * Rules as they travel with an app, ready for {@link healthOf}. An expression that cannot be parsed (the repository was
 * checked by a newer hub) makes its objects wait instead of being called well.
 */
export function prepareChecks(checks: readonly HealthCheck[]): readonly PreparedCheck[] {
  return checks.map((check) => {
    const questions = QUESTIONS.flatMap((name) => {
      const text = check[name];
      return text === undefined ? [] : [{ name, ...parseCel(text) }];
    });
    return { fits: (object) => fits(check, object), judge: (object, cel) => judge(check, questions, { object, cel }) };
  });
}

/** The verdict of the first rule that fits and decides. */
export function judgeByChecks(object: KubeObject, checks: readonly PreparedCheck[]): HealthVerdict | undefined {
  let converted: CelObject | undefined;
  const cel = (): CelObject => (converted ??= toCelObject(object));
  for (const check of checks) {
    const verdict = check.fits(object) ? check.judge(object, cel) : undefined;
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function fits({ group, kind, apiVersion, namespace, name }: HealthCheck, object: KubeObject): boolean {
  const parts: readonly (readonly [string | undefined, string])[] = [
    [group, groupOf(object.apiVersion)],
    [kind, object.kind],
    [apiVersion, object.apiVersion],
    [namespace, object.metadata.namespace ?? ""],
    [name, object.metadata.name],
  ];
  return parts.every(([glob, value]) => glob === undefined || matchesGlob(glob, value));
}

type Question = { readonly name: (typeof QUESTIONS)[number] } & (
  | { readonly expression: CelExpression }
  | { readonly problem: string }
);

function judge(
  check: HealthCheck,
  questions: readonly Question[],
  { object, cel }: { readonly object: KubeObject; readonly cel: () => CelObject },
): HealthVerdict | undefined {
  if (isBehind(object, { strict: false })) return progressing(NOT_SEEN);
  for (const question of questions) {
    const result = "expression" in question ? question.expression.ask(cel()) : question;
    if ("problem" in result)
      return progressing(`the app's rule "${question.name}" cannot be answered yet: ${result.problem}`);
    if (!result.answer) continue;
    if (question.name === "healthy") return healthy();
    const message = `the app's rule "${question.name}" holds: ${check[question.name] ?? ""}`;
    return question.name === "failed" ? degraded(message) : progressing(message);
  }
  // Without a word on what healthy is, the rule only adds to what is known of the kind.
  return check.healthy === undefined
    ? undefined
    : progressing(`the app's rule "healthy" does not hold: ${check.healthy}`);
}
