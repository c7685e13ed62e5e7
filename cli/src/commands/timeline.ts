import type { Command } from "commander";
import type { TimelineView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { printListing, printValue } from "../output/print.ts";
import { formatNumber, shortCommit } from "../output/state.ts";
import { formatDuration } from "../output/time.ts";
import type { CommandRegistration } from "../program.ts";

const HELP = `
Times count from the moment the hub saw the commit, on the hub's clock. Each step's own share stands in brackets.

Examples:
  axle timeline            the newest commit
  axle timeline 3f2a9c1    a commit, or a prefix of one
  axle timeline -o json
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.argument("[commit]", "a commit or a prefix of one; none: the newest");
  addOutputOption(addHubOption(command), ["table", "json", "yaml"]).addHelpText("after", HELP);
  command.action(
    runs(async (commit: string | undefined, options: HubOption & OutputOption) => {
      using client = await connectToHub(options, context);
      const timeline = await client.getTimeline(commit ?? "");
      if (options.output === "json" || options.output === "yaml") await printValue(context, options.output, timeline);
      else await printTimeline(timeline, context);
      return undefined;
    }),
  );
}

interface StepRow {
  readonly where: string;
  readonly step: string;
  readonly at: string;
  readonly share: string;
}

async function printTimeline(timeline: TimelineView, context: CliContext): Promise<void> {
  context.out.write(`commit ${shortCommit(timeline.commit)}  trace ${timeline.traceId}\n`);
  await printListing(context, "table", {
    rows: stepRows(timeline),
    columns: [
      { title: "WHERE", text: (row) => row.where },
      { title: "STEP", text: (row) => row.step },
      { title: "AT", text: (row) => row.at, align: "right" },
      { title: "STEP TOOK", text: (row) => row.share, align: "right" },
    ],
    name: (row) => row.step,
    empty: "nothing is recorded for it",
  });
}

/** The hub's steps, then each cluster's; a cluster's first step counts from the hub's last. */
export function stepRows(timeline: TimelineView): StepRow[] {
  const start = timeline.hub[0]?.atMs ?? 0;
  const published = timeline.hub.at(-1)?.atMs ?? start;
  const rows: StepRow[] = [];
  let before = start;
  const push = (where: string, step: { name: string; atMs: number }): void => {
    rows.push({
      where,
      step: step.name,
      at: `+${formatDuration(step.atMs - start)}`,
      share: formatDuration(Math.max(0, step.atMs - before)),
    });
    before = step.atMs;
  };
  for (const step of timeline.hub) push("hub", step);
  for (const { cluster, number, steps } of timeline.clusters) {
    before = published;
    const where = `${cluster} (${formatNumber(number)})`;
    if (steps.length === 0) rows.push({ where, step: "not heard of yet", at: "-", share: "-" });
    for (const step of steps) push(where, step);
  }
  return rows;
}
