import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { printValue } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

export function define(command: Command, { context, runs }: CommandRegistration): void {
  addOutputOption(command, ["table", "json", "yaml"]).addHelpText("after", "\nExample:\n  axle version -o json\n");
  command.action(
    runs(async (options: OutputOption) => {
      const version = await readVersion();
      if (options.output === "json" || options.output === "yaml")
        await printValue(context, options.output, { version });
      else context.out.write(`axle ${version}\n`);
      return undefined;
    }),
  );
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
