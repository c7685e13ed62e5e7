import { shortMessage } from "@axle/core/fleet/problem.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";

/** A quarter of what one message of the store may hold: the fleet's record has more in it. */
const MAX_CHARACTERS = 2 * 1024 * 1024;

/** Problems as the fleet's record may keep them: it is one message, and one that is too large could never be written. */
export function storableProblems(problems: readonly Problem[]): readonly Problem[] {
  const kept: Problem[] = [];
  let characters = 0;
  for (const problem of problems) {
    const { message, field } = problem;
    const short = {
      ...problem,
      message: shortMessage(message),
      ...(field !== undefined && { field: shortMessage(field) }),
    };
    characters += JSON.stringify(short).length;
    if (characters > MAX_CHARACTERS) break;
    kept.push(short);
  }
  const left = problems.length - kept.length;
  if (left === 0) return kept;
  return [
    ...kept,
    { severity: "warning", code: "ignored", message: `and ${left} more, which are too many to be kept` },
  ];
}
