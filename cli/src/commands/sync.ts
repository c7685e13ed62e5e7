import type { Command } from "commander";
import { EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { SyncedView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { printListing } from "../output/print.ts";
import { describeFreshness } from "../output/state.ts";
import type { Column } from "../output/table.ts";
import type { CommandRegistration } from "../program.ts";

interface SyncOptions extends HubOption, OutputOption {
  readonly cluster?: string;
  readonly selector?: string;
}

const HELP = `
The hub fetches the repository. Each agent reads its newest slice, tries again what failed, and compares every object of
these apps with its cluster; it waits for nothing meanwhile. This happens by itself too: sync only spares the wait.
Exits 1 when a cluster could not be told because it is away; it does all of this when it comes back.

Examples:
  axle sync                                everything, everywhere
  axle sync shop web --cluster prod-1      two apps on one cluster
  axle sync shop --selector env=prod       an app where the labels fit
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.argument("[apps...]", "only these apps; none: all of them");
  command
    .option("--cluster <name>", "only this cluster")
    .option("--selector <selector>", "only clusters whose labels fit: env=prod,region in (eu,us)");
  addOutputOption(addHubOption(command), ["table", "name", "json", "yaml"]).addHelpText("after", HELP);
  command.action(runs((apps: readonly string[], options: SyncOptions) => sync(apps, options, context)));
}

async function sync(apps: readonly string[], options: SyncOptions, context: CliContext): Promise<ExitCode> {
  using client = await connectToHub(options, context);
  const { cluster = "", selector = "" } = options;
  const rows = await client.syncNow({ apps, cluster, selector });
  const columns: readonly Column<SyncedView>[] = [
    { title: "CLUSTER", text: (row) => row.cluster },
    { title: "SYNC", text: (row) => (row.told ? "told" : "when it is back") },
    { title: "AGENT", text: ({ freshness }) => describeFreshness(freshness, context.nowMs()), state: true },
  ];
  await printListing(context, options.output, { rows, columns, name: (row) => row.cluster, empty: "no cluster" });
  return rows.every(({ told }) => told) ? EXIT_CODES.fine : EXIT_CODES.unhealthy;
}
