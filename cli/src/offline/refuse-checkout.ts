import { formatProblem, refusesCommit } from "@axle/core/fleet/problem.ts";
import { CliError } from "../cli-error.ts";
import type { Checkout } from "./checkout.ts";

/**
 * Throws CliError "bad-input" for what the hub would refuse whole: what is read of it is a part, and an answer from a part
 * is a wrong one.
 */
export function refuseUnreadable({ contract: { fleet, problems } }: Checkout): void {
  if (fleet !== undefined && !refusesCommit(problems)) return;
  const errors = problems.filter((problem) => problem.severity === "error" && refusesCommit([problem]));
  const [first] = errors;
  const what = first === undefined ? "there is no axle.yaml" : formatProblem(first);
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new CliError("bad-input", `the hub would refuse this: ${what}${more}`, {
    remedy: "`axle validate` shows every problem",
  });
}
