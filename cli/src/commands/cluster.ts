import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import type { CommandRegistration } from "../program.ts";
import { defineClusterEdits } from "./cluster-edit.ts";
import { defineClusterLeaving } from "./cluster-leave.ts";

interface AdmitOptions extends HubOption {
  readonly yes?: boolean;
}

const HELP = `
A cluster waits when its token asks for a person's yes, or when it comes with a new key under a name that is taken: then
it replaces the cluster of that name, which is cut off.

Examples:
  axle get clusters                what waits, and for what
  axle cluster admit edge-7
  axle cluster replace prod-1      after it was built anew
  axle cluster forget dev-7 --keep                       it leaves the fleet, what runs there stays
  axle cluster revoke prod-1                             its key got into wrong hands
  axle cluster label prod-1 ring=3 canary-               in the checkout; shows what that changes
  axle cluster add prod-2 --label env=prod --value domain=two.example.com
`;

export function define(command: Command, registration: CommandRegistration): void {
  const { context, runs } = registration;
  command.usage("admit|replace|forget|revoke|resume|label|add NAME [options]").addHelpText("after", HELP);
  defineClusterEdits(command, registration);
  defineClusterLeaving(command, registration);
  for (const [verb, about] of [
    ["admit", "let a cluster in that waits for it"],
    ["replace", "let a cluster with a new key take the place of the one of that name"],
  ] as const) {
    const child = command.command(verb).description(about).argument("<name>", "name or id of the one that waits");
    addHubOption(child.option("-y, --yes", "do not ask")).addHelpText("after", HELP);
    child.action(runs((name: string, options: AdmitOptions) => admit(name, options, context)));
  }
}

async function admit(name: string, options: AdmitOptions, context: CliContext): Promise<undefined> {
  using client = await connectToHub(options, context);
  const waiting = (await client.listClusters("")).filter(({ waitsFor }) => waitsFor !== "");
  const chosen = waiting.find((cluster) => cluster.id === name) ?? waiting.find((cluster) => cluster.name === name);
  if (chosen === undefined) {
    throw new CliError("not-found", `no cluster ${name} waits`, {
      remedy: `waiting: ${waiting.map((cluster) => cluster.name).join(", ") || "none"}; \`axle get clusters\` shows all`,
    });
  }
  context.out.write(`${chosen.name} (${chosen.id}): ${chosen.waitsFor}\n`);
  if (options.yes !== true) {
    if (context.ask === undefined) {
      throw new CliError("usage", "nobody can be asked here: standard input is no terminal", { remedy: "add --yes" });
    }
    if ((await context.ask("Let it in? Type yes: ")).trim().toLowerCase() !== "yes") {
      context.err.write("it goes on waiting\n");
      return;
    }
  }
  // By its id: another may have come under that name meanwhile.
  const admitted = await client.admitCluster(chosen.id);
  context.out.write(`${admitted.name} is in, as ${admitted.id}\n`);
}
