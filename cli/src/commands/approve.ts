import type { Command } from "commander";
import { describeRef, parseId } from "@axle/core/manifest/object.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { FleetClient } from "../client/fleet-client.ts";
import type { DeletionView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { durationMs } from "../options/values.ts";
import { paint } from "../output/colour.ts";
import { printValue } from "../output/print.ts";
import { formatAge } from "../output/time.ts";
import type { CommandRegistration } from "../program.ts";

const DEFAULT_TTL_MS = 3_600_000;
const MIN_HASH_PREFIX = 6;

interface ApproveOptions extends HubOption, OutputOption {
  readonly cluster?: string;
  readonly app?: string;
  readonly yes?: boolean;
  readonly ttl: number;
  readonly rewrite?: string;
}

const HELP = `
Large deletions, and any of a Namespace, a CRD or a volume, wait for a person; so does what can only be changed by
deleting it and would take data along. Without HASH, --cluster or --app this lists what waits. An approval is for
exactly the objects shown: if that set changes, it asks again.
Without a terminal --yes is needed. Exits 1 when deletions wait and nothing was approved.

Examples:
  axle approve                                   what waits, with every object
  axle approve --cluster prod-1 --app shop       look at it, then say yes or no
  axle approve 9f31c2 --yes                      from a script: this set and no other
  axle approve --rewrite 3f2a9c1                 follow a branch whose history was rewritten
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.argument("[hash]", "the deletion set, or a prefix of its hash");
  command
    .option("--cluster <name>", "only on this cluster")
    .option("--app <name>", "only of this app")
    .option("--ttl <duration>", "how long the approval holds (default: 1h)", durationMs, DEFAULT_TTL_MS)
    .option(
      "--rewrite <commit>",
      "follow the branch to this head, although it does not descend from the commit in force",
    )
    .option("-y, --yes", "do not ask");
  addOutputOption(addHubOption(command), ["table", "json", "yaml"]).addHelpText("after", HELP);
  command.action(runs((hash: string | undefined, options: ApproveOptions) => approve(hash, options, context)));
}

async function approve(hash: string | undefined, options: ApproveOptions, context: CliContext): Promise<ExitCode> {
  using client = await connectToHub(options, context);
  if (options.rewrite !== undefined) return await allowRewrite(client, options.rewrite, { options, context });
  const all = await client.listPendingDeletions();
  const chosen = all.filter(
    ({ cluster, app, deletion }) =>
      (options.cluster === undefined || cluster === options.cluster) &&
      (options.app === undefined || app === options.app) &&
      (hash === undefined || deletion.hash.startsWith(hash)),
  );
  const isChosen = hash !== undefined || options.cluster !== undefined || options.app !== undefined;
  if (hash !== undefined && hash.length < MIN_HASH_PREFIX) {
    throw new CliError("usage", `"${hash}" is too short for a hash`, {
      remedy: `give at least ${MIN_HASH_PREFIX} characters; \`axle approve\` lists them`,
    });
  }
  if (isChosen && chosen.length === 0) {
    throw new CliError("not-found", "no deletion waits that fits", { remedy: "`axle approve` lists what waits" });
  }
  const isMachine = options.output === "json" || options.output === "yaml";
  if (isMachine) await printValue(context, options.output as "json" | "yaml", chosen);
  else context.out.write(chosen.length === 0 ? "nothing waits for approval\n" : describeDeletions(chosen, context));
  const waiting = chosen.filter(({ approved }) => !approved);
  if (!isChosen || waiting.length === 0) return waiting.length === 0 ? EXIT_CODES.fine : EXIT_CODES.unhealthy;

  const count = waiting.reduce((sum, { deletion }) => sum + deletion.objects.length, 0);
  if (!(await isConfirmed(`Delete these ${count} objects?`, options, context))) return EXIT_CODES.unhealthy;
  for (const { cluster, app, deletion } of waiting) {
    const endsMs = await client.approveDeletion({ cluster, app, hash: deletion.hash, ttlMs: options.ttl });
    const left = formatAge(endsMs - context.nowMs());
    context.err.write(`approved: ${deletion.objects.length} objects of ${app} on ${cluster} (for ${left})\n`);
  }
  return EXIT_CODES.fine;
}

async function allowRewrite(
  client: FleetClient,
  commit: string,
  { options, context }: { options: ApproveOptions; context: CliContext },
): Promise<ExitCode> {
  const { head, accepted } = await client.getFleet();
  context.out.write(`in force: ${accepted || "nothing yet"}\nthe branch: ${head}\n`);
  if (!(await isConfirmed("Follow the rewritten branch?", options, context))) return EXIT_CODES.unhealthy;
  context.err.write(`allowed: the fleet goes to ${await client.allowRewrite(commit)}\n`);
  return EXIT_CODES.fine;
}

async function isConfirmed(question: string, options: ApproveOptions, context: CliContext): Promise<boolean> {
  if (options.yes === true) return true;
  if (context.ask === undefined) {
    throw new CliError("usage", "nobody can be asked here: standard input is no terminal", {
      remedy: "look at what is shown, then run it again with --yes",
    });
  }
  const isYes = (await context.ask(`${question} Type yes: `)).trim().toLowerCase() === "yes";
  if (!isYes) context.err.write("nothing was approved\n");
  return isYes;
}

export function describeDeletions(deletions: readonly DeletionView[], context: CliContext): string {
  const { colour } = context.out;
  return deletions
    .map(({ cluster, app, deletion, approved, freshness }) => {
      const state = approved ? " (approved, not done yet)" : "";
      const silent = freshness.online ? "" : " (the cluster is offline; this is what it last said)";
      const head = `${paint(`${app} on ${cluster}`, "bold", colour)}  ${deletion.hash.slice(0, 12)}${state}${silent}`;
      const objects = deletion.objects.map((id) => {
        const ref = parseId(id);
        return `  - ${ref === undefined ? id : describeRef(ref)}`;
      });
      return [head, `  ${deletion.reason}`, ...objects].join("\n");
    })
    .join("\n\n")
    .concat("\n");
}
