import type { Command } from "commander";
import { describeConfig } from "@axle/runtime/config.ts";
import type { ConfigRow } from "@axle/runtime/config.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { FORMATS, printListing } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

const HELP = `
Every option can be a flag of \`axle hub\` or \`axle agent\`, or a variable of the environment; the flag wins.

Examples:
  axle config                  all options, their defaults, what they are for
  axle config -o wide          with the variable of each
  axle config hub -o json
`;

type Row = ConfigRow & { readonly part: string };

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.argument("[part]", "hub or agent; none: both");
  addOutputOption(command, FORMATS).addHelpText("after", HELP);
  command.action(
    runs(async (part: string | undefined, options: OutputOption) => {
      const rows = (await allRows()).filter((row) => part === undefined || row.part === part);
      await printListing(context, options.output, {
        rows,
        columns: [
          { title: "PART", text: (row) => row.part },
          { title: "OPTION", text: (row) => row.flag },
          { title: "VARIABLE", text: (row) => row.env, wide: true },
          { title: "TYPE", text: (row) => row.type, wide: true },
          { title: "DEFAULT", text: (row) => row.default || "-" },
          { title: "WHAT IT IS", text: (row) => row.description, flexible: true },
        ],
        name: (row) => `${row.part}${row.flag}`,
        empty: `there is no part ${part}; there are hub and agent`,
      });
      return undefined;
    }),
  );
}

async function allRows(): Promise<Row[]> {
  const [{ HUB_CONFIG }, { AGENT_CONFIG }] = await Promise.all([
    import("@axle/hub/config.ts"),
    import("@axle/agent/config.ts"),
  ]);
  return [
    ...describeConfig(HUB_CONFIG).map((row) => ({ ...row, part: "hub" })),
    ...describeConfig(AGENT_CONFIG).map((row) => ({ ...row, part: "agent" })),
  ];
}
