import { Option } from "commander";
import type { Command } from "commander";
import type { Format } from "../output/print.ts";

export interface OutputOption<F extends Format = Format> {
  readonly output: F;
}

/** `-o FORMAT`, with the formats that make sense for the command; the first is the default. */
export function addOutputOption(command: Command, formats: readonly Format[]): Command {
  return command.addOption(
    new Option("-o, --output <format>", "how to print").choices([...formats]).default(formats[0]),
  );
}
