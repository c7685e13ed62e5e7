import { Option } from "commander";
import type { Command } from "commander";
import { ConfigError, describeConfig, flagOf, parseConfig } from "@axle/runtime/config.ts";
import type { Config, ConfigSchema } from "@axle/runtime/config.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";

/** Every option of a process's schema as a flag of its command; values are checked later, all at once, by parseConfig. */
export function addSchemaOptions(command: Command, schema: ConfigSchema): Command {
  for (const row of describeConfig(schema)) {
    const isFlag = row.type === "flag";
    const about = [row.description, `[$${row.env}${row.default === "" ? "" : `, default ${row.default}`}]`].join(" ");
    const option = new Option(
      isFlag ? row.flag : `${row.flag} <${row.type.includes("|") ? "choice" : row.type}>`,
      about,
    );
    if (row.type === "list") option.argParser(collectList);
    command.addOption(option);
  }
  return command;
}

/** The configuration of a process from the command line and the environment. Throws CliError "usage" with every fault. */
export function parseArguments<S extends ConfigSchema>(
  command: Command,
  schema: S,
  context: Pick<CliContext, "env">,
): Config<S> {
  try {
    return parseConfig(schema, { env: context.env, args: givenArguments(command, schema) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError("usage", error.message, {
      remedy: `axle ${command.name()} --help shows every option`,
      cause: error,
    });
  }
}

function givenArguments(command: Command, schema: ConfigSchema): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  const given: Readonly<Record<string, unknown>> = command.opts();
  for (const name of Object.keys(schema)) {
    const attribute = new Option(`--${flagOf(name)}`).attributeName();
    if (given[attribute] !== undefined) args[name] = given[attribute];
  }
  return args;
}

/** For a list that may be written with commas, or by repeating its flag. */
function collectList(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...text.split(",")];
}
