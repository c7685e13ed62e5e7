import type { Command } from "commander";
import { LOCK_FILE } from "@axle/core/fleet/lock-file.ts";
import { EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { folderOf } from "../offline/folder-argument.ts";
import { lockCheckout, writeLock } from "../offline/lock-checkout.ts";
import type { LockReport } from "../offline/lock-checkout.ts";
import type { LockChange } from "../offline/plan-lock.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { paint } from "../output/colour.ts";
import type { Colour } from "../output/colour.ts";
import { printValue } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

interface LockCommandOptions extends OutputOption {
  readonly dir?: string;
  readonly check?: boolean;
  /** True where it was given without a name. */
  readonly update?: true | readonly string[];
  readonly credentials?: string;
}

const HELP = `
Writes ${LOCK_FILE} at the root of the checkout: charts, other Git repositories and files that its Apps, kustomizations and
charts name, each with the digest (of a chart or file) or the commit it has now. The hub then takes exactly that, whatever
is published later. What is locked stays as it is, and is asked of nobody when it was fetched before; what is no longer
named is removed. Exits 1 when something cannot be had or was published again; with --check, when the file is not complete.

Examples:
  axle lock                         lock what is new
  axle lock --check                 in a pipeline: is everything locked, and nothing else?
  axle lock --update podinfo        take what is published now under that name
  axle lock --update                take everything anew
  axle lock --credentials hub-credentials.yaml
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command
    .option("-C, --dir <dir>", "the root of the checkout (default: the one you stand in)")
    .option("--check", "write nothing, and exit 1 when something is missing, changed or not used")
    .option(
      "--update [names...]",
      "lock these anew, by name, address or the whole line in the file; without a name all",
    )
    .option("--credentials <file>", "what to show to servers, as for the hub (default: $AXLE_CREDENTIALS)");
  addOutputOption(command, ["table", "json", "yaml"]).addHelpText("after", HELP);
  command.action(runs((options: LockCommandOptions) => lock(options, context)));
}

async function lock(options: LockCommandOptions, context: CliContext): Promise<ExitCode> {
  const folder = folderOf(options.dir, context);
  const update = options.update === true ? [] : options.update;
  const onWait = (text: string): void => context.err.write(`axle: ${text}\n`);
  const { credentials } = options;
  const report = await lockCheckout(folder, context, { update, credentials, onWait });
  const isBad = report.changes.some(({ change }) => change === "failed" || change === "changed");
  const isWritten = report.differs && !isBad && options.check !== true;
  if (isWritten) await writeLock(folder, report);
  if (options.output === "json" || options.output === "yaml") {
    const { changes, differs } = report;
    await printValue(context, options.output, {
      file: LOCK_FILE,
      written: isWritten,
      complete: !differs && !isBad,
      changes,
    });
  } else print(report, { isWritten, isBad }, context);
  return isBad || (options.check === true && report.differs) ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

const COLOURS: Readonly<Record<LockChange["change"], Colour | undefined>> = {
  unchanged: undefined,
  missing: "green",
  updated: "green",
  unused: "grey",
  changed: "red",
  failed: "red",
};

function print(
  { changes, entries, differs }: LockReport,
  { isWritten, isBad }: { readonly isWritten: boolean; readonly isBad: boolean },
  { out, err }: CliContext,
): void {
  for (const { source, change, digest, before, message } of changes) {
    if (change !== "unchanged") {
      const from = change === "updated" || change === "unused" ? (before ?? "") : "";
      const to = change === "updated" || change === "missing" ? (digest ?? "") : "";
      const values = [from, to].filter((text) => text !== "").map(shorten);
      out.write(
        `${paint(wordOf(change, isWritten), COLOURS[change], out.colour)} ${source}  ${values.join(" -> ")}`.trimEnd() +
          "\n",
      );
    }
    if (message !== undefined) err.write(`  ${message}\n`);
  }
  const count = `${entries.length} ${entries.length === 1 ? "source" : "sources"}`;
  if (isWritten) out.write(`${LOCK_FILE} written: ${count}\n`);
  else if (isBad) err.write(`${LOCK_FILE} is as it was\n`);
  else if (differs) out.write(`${LOCK_FILE} is not complete; run axle lock and commit it\n`);
  else out.write(entries.length === 0 ? "nothing to lock\n" : `${LOCK_FILE} is complete: ${count}\n`);
}

function wordOf(change: LockChange["change"], isWritten: boolean): string {
  if (isWritten && change === "missing") return "added";
  if (isWritten && change === "unused") return "removed";
  return change;
}

function shorten(digest: string): string {
  const [type = "", value = ""] = digest.split(":");
  return `${type}:${value.slice(0, 12)}`;
}
