import { CliError } from "../cli-error.ts";
import { paint } from "./colour.ts";

/** An error as a person reads it: one paragraph, the remedy below, no stack trace unless asked for. */
export function formatError(error: unknown, options: { verbose: boolean; colour: boolean }): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = [`${paint("axle:", "red", options.colour)} ${message}`];
  const remedy = error instanceof CliError ? error.remedy : undefined;
  if (remedy !== undefined) lines.push(`  what to do: ${remedy}`);
  if (options.verbose) lines.push(...detailsOf(error));
  else if (!(error instanceof CliError)) lines.push("  run it again with --verbose to see where this comes from");
  return `${lines.join("\n")}\n`;
}

function detailsOf(error: unknown): string[] {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    lines.push(cause.stack ?? cause.message);
    if (cause.cause !== undefined) lines.push("caused by:");
  }
  return lines;
}
