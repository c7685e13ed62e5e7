import { formatProblem } from "@axle/core/fleet/problem.ts";
import type { TargetChange, TargetComparison } from "@axle/core/placement/compare-targets.ts";
import type { CliContext } from "../context.ts";
import { paint } from "../output/colour.ts";
import { printListing } from "../output/print.ts";
import type { Format } from "../output/print.ts";
import type { Column } from "../output/table.ts";

const SIGNS = { gained: "+", lost: "-", changed: "~" } as const;

const columns: readonly Column<TargetChange>[] = [
  { title: "", text: ({ change }) => SIGNS[change] },
  { title: "CLUSTER", text: ({ cluster }) => cluster },
  { title: "APP", text: ({ app }) => app },
  { title: "CHANGE", text: describeChange, flexible: true },
  { title: "BECAUSE", text: ({ because }) => because, flexible: true },
];

/** What would change, and the problems it would bring. */
export async function printComparison(
  context: CliContext,
  comparison: TargetComparison,
  format: Format,
): Promise<void> {
  await printListing(context, format, {
    rows: comparison.changes,
    columns,
    name: ({ cluster, app, change }) => `${SIGNS[change]} ${cluster}/${app}`,
    empty: "nothing would change",
  });
  for (const problem of comparison.problems) {
    const word = paint(`${problem.severity}:`, problem.severity === "error" ? "red" : "yellow", context.err.colour);
    context.err.write(`${word} ${formatProblem(problem)}\n`);
  }
}

function describeChange({ change, before, after, differs }: TargetChange): string {
  if (change !== "changed") return `${change} (${(change === "gained" ? after : before) || "/"})`;
  const from =
    before === after || differs.includes("held") ? before || after || "/" : `${before || "/"} -> ${after || "/"}`;
  return `${differs.join(", ")} (${from})`;
}
