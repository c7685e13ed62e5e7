import type { Command } from "commander";
import { EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { TargetView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { folderOf } from "../offline/folder-argument.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { FORMATS, printListing } from "../output/print.ts";
import { formatLabels } from "../output/state.ts";
import type { Column } from "../output/table.ts";
import type { CommandRegistration } from "../program.ts";

interface TargetsOptions extends HubOption, OutputOption {
  readonly selector?: string;
  readonly app?: string;
}

const HELP = `
With a folder it works on that checkout and the clusters its own files declare; without one it asks the hub.
Exits 1 when nothing is reached.

Examples:
  axle targets -l env=prod            clusters of the fleet, and what runs there
  axle targets --app shop             where shop goes, and because of what
  axle targets -l 'env in (dev,staging)' .
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command
    .argument("[dir]", "a checkout to look at instead of the hub")
    .option("-l, --selector <selector>", "which clusters, as kubectl takes it: env=prod,region in (eu,us),!canary")
    .option("--app <name>", "only this app");
  addOutputOption(addHubOption(command), FORMATS).addHelpText("after", HELP);
  command.action(runs((dir: string | undefined, options: TargetsOptions) => showTargets(dir, options, context)));
}

async function showTargets(dir: string | undefined, options: TargetsOptions, context: CliContext): Promise<ExitCode> {
  const targets = dir === undefined ? await askHub(options, context) : await readFolder(dir, options, context);
  await printListing(context, options.output, {
    rows: targets,
    columns,
    name: ({ cluster }) => cluster,
    empty: options.selector === undefined ? "it reaches no cluster" : `no cluster matches ${options.selector}`,
  });
  return targets.length === 0 ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

async function askHub(options: TargetsOptions, context: CliContext): Promise<readonly TargetView[]> {
  using client = await connectToHub(options, context);
  return await client.listTargets(options.selector ?? "", options.app ?? "");
}

async function readFolder(dir: string, options: TargetsOptions, context: CliContext): Promise<readonly TargetView[]> {
  const { listTargets } = await import("../offline/list-targets.ts");
  return listTargets(folderOf(dir, context), options, context);
}

const columns: readonly Column<TargetView>[] = [
  { title: "CLUSTER", text: ({ cluster }) => cluster },
  { title: "LABELS", text: ({ labels }) => formatLabels(labels), flexible: true },
  { title: "APPS", text: ({ apps }) => apps.map(({ app }) => app).join(", ") || "-", flexible: true },
  {
    title: "BECAUSE",
    text: ({ apps }) => apps.map(({ app, because, source }) => `${app}: ${because} -> ${source || "/"}`).join("; "),
    wide: true,
  },
];
