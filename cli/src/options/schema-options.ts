import { Option } from "commander";
import type { Command } from "commander";
import { describeConfig, flagOf } from "@axle/runtime/config.ts";
import type { ConfigSchema } from "@axle/runtime/config.ts";

/** Every option of a process's schema as a flag of its command; values are checked later, all at once, by parseConfig. */
export function addSchemaOptions(command: Command, schema: ConfigSchema): Command {
  for (const row of describeConfig(schema)) {
    const isFlag = row.type === "flag";
    const about = [row.description, `[$${row.env}${row.default === "" ? "" : `, default ${row.default}`}]`].join(" ");
    const option = new Option(isFlag ? row.flag : `${row.flag} <${row.type.includes("|") ? "choice" : row.type}>`, about);
    if (row.type === "list") option.argParser((text: string, before: string[] = []) => [...before, ...text.split(",")]);
    command.addOption(option);
  }
  return command;
}

/** What was given on the command line, by the schema's names, for `parseConfig({ env, args })`. */
export function givenArgs(command: Command, schema: ConfigSchema): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  const given: Readonly<Record<string, unknown>> = command.opts();
  for (const name of Object.keys(schema)) {
    const attribute = new Option(`--${flagOf(name)}`).attributeName();
    if (given[attribute] !== undefined) args[name] = given[attribute];
  }
  return args;
}
