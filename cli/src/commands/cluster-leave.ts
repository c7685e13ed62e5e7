import { Option } from "commander";
import type { Command } from "commander";
import type { LeavingMode } from "@axle/core/slice/slice.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { FleetClient, ForgetOutcome } from "../client/fleet-client.ts";
import type { ClusterView, StatusView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { durationMs } from "../options/values.ts";
import { printValue } from "../output/print.ts";
import { describeFreshness } from "../output/state.ts";
import { formatAge } from "../output/time.ts";
import type { CommandRegistration } from "../program.ts";

interface LeaveOptions extends HubOption, OutputOption {
  readonly yes?: boolean;
}

interface ForgetOptions extends LeaveOptions {
  readonly keep?: boolean;
  readonly delete?: boolean;
  readonly now?: boolean;
  readonly cancel?: boolean;
  readonly ttl: number;
}

/** A deed on one cluster that a person confirms. */
interface Deed {
  readonly title: string;
  readonly lines: readonly string[];
  /** What has to be typed. */
  readonly word: string;
}

const DEFAULT_TTL_MS = 24 * 3_600_000;

const FORGET_HELP = `
--keep    every object stays as it runs; the agent takes its marks off and its inventories away
--delete  everything the agent put there is deleted first, apps that others depend on after those; what is kept from prune,
          or behind a guardrail of the cluster's owner, stays. The yes holds for --ttl, unless the deletion began by then
Then the credentials are cut and the fleet knows the cluster no more. One that is offline leaves when it comes back; until then
it is shown as leaving, and --cancel takes the order back.

Examples:
  axle cluster forget prod-1 --keep
  axle cluster forget dev-7 --delete --yes -o json
  axle cluster forget lost-1 --keep --now      it will not come back: forget it at once, whatever runs there goes on
  axle cluster forget prod-1 --cancel
`;

/** `axle cluster forget`, `revoke` and `resume`. */
export function defineClusterLeaving(command: Command, { context, runs }: CommandRegistration): void {
  const forget = command
    .command("forget")
    .description("take a cluster out of the fleet, and keep or delete what runs there");
  forget.argument("<name>", "name or id of the cluster");
  forget
    .option("--keep", "leave every object as it runs")
    .option("--delete", "delete everything the fleet put there")
    .addOption(new Option("--now", "do not wait for its agent; only with --keep").conflicts(["delete", "cancel"]))
    .addOption(new Option("--cancel", "take the order back").conflicts(["keep", "delete"]))
    .option("--ttl <duration>", "how long the yes to deleting holds (default: 24h)", durationMs, DEFAULT_TTL_MS);
  addCommon(forget).addHelpText("after", FORGET_HELP);
  forget.action(runs((name: string, options: ForgetOptions) => leave(name, options, context)));

  const revoke = command.command("revoke").description("cut a cluster's credentials at once; what runs there goes on");
  addCommon(revoke.argument("<name>", "name or id of the cluster"));
  revoke.action(runs((name: string, options: LeaveOptions) => cutOff(name, options, context)));

  const resume = command.command("resume").description("serve a cluster again that is on hold");
  addCommon(resume.argument("<name>", "name or id of the cluster"));
  resume.action(runs((name: string, options: LeaveOptions) => serveAgain(name, options, context)));
}

function addCommon(command: Command): Command {
  return addOutputOption(addHubOption(command.option("-y, --yes", "do not ask")), ["table", "json", "yaml"]);
}

async function leave(name: string, options: ForgetOptions, context: CliContext): Promise<ExitCode> {
  const { keep, delete: isDelete, cancel, now = false, ttl } = options;
  if (cancel !== true && (keep === true) === (isDelete === true)) {
    throw new CliError("usage", "say what becomes of what runs there", {
      remedy: "--keep leaves every object as it runs, --delete deletes all that the fleet put there",
    });
  }
  using client = await connectToHub(options, context);
  if (cancel === true) {
    const { id } = await client.cancelForgetCluster(name);
    return report({ cluster: name, id, state: "active" }, [`${name} stays`], { options, context });
  }
  const mode: LeavingMode = keep === true ? "keep" : "delete";
  const { cluster, status } = await look(client, name);
  const deed = describeForget(mode, now, { cluster, status, nowMs: context.nowMs() });
  if (!(await isConfirmed(deed, options, context))) return EXIT_CODES.unhealthy;
  const outcome = await client.forgetCluster({ cluster: cluster?.id ?? name, mode, now, ttlMs: ttl });
  const { id, state, expiresAtMs } = outcome;
  const value = { cluster: outcome.name, id, mode, state, online: outcome.freshness.online, expiresAtMs };
  return report(value, describeForgotten(outcome, mode, context.nowMs()), { options, context });
}

function describeForget(
  mode: LeavingMode,
  now: boolean,
  seen: { readonly cluster: ClusterView | undefined; readonly status: StatusView | undefined; readonly nowMs: number },
): Deed {
  const { cluster, status, nowMs } = seen;
  const name = cluster?.name ?? "the cluster";
  const rows = status?.rows ?? [];
  const objects = rows.reduce((sum, { report: said }) => sum + (said?.objects ?? 0), 0);
  const apps = rows.map(({ app, report: said }) => `  ${app}: ${said?.objects ?? 0} objects`);
  const count = `${objects} objects of ${rows.length} apps, as far as its agent said:`;
  const standing = cluster === undefined ? "" : `, ${describeFreshness(cluster.freshness, nowMs).toLowerCase()}`;
  const lines =
    mode === "delete"
      ? [
          `deletes ${count}`,
          ...apps,
          "a namespace goes with everything in it, a volume claim with its data, a CRD with all objects of its kind",
        ]
      : now
        ? [
            `leaves ${count}`,
            ...apps,
            "its agent is not told: marks stay on the objects, and it goes on keeping them so",
          ]
        : [`lets go of ${count}`, ...apps, "they run on as they are, and nothing corrects or deletes them any more"];
  const title = `Takes ${name} (${cluster?.id ?? "not known"}${standing}) out of the fleet:`;
  return { title, lines, word: mode === "delete" ? name : "yes" };
}

function describeForgotten(outcome: ForgetOutcome, mode: LeavingMode, nowMs: number): readonly string[] {
  const { name, state, freshness, expiresAtMs } = outcome;
  if (state === "forgotten") return [`${name} is no cluster of the fleet any more`];
  const until = mode === "delete" ? `; the yes to deleting holds for ${formatAge(expiresAtMs - nowMs)}` : "";
  const when = freshness.online
    ? "axle get clusters shows it until it has"
    : "it is offline and leaves when it comes back; --keep --now would forget it at once";
  return [`${name} is leaving${until}`, when];
}

async function cutOff(name: string, options: LeaveOptions, context: CliContext): Promise<ExitCode> {
  using client = await connectToHub(options, context);
  const deed: Deed = {
    title: `Cuts ${name} off:`,
    lines: [
      "its session ends and its credentials count no more, at once and for good",
      "what runs there goes on as it is, and follows Git no more",
      "it comes back only with a new key, a join token and axle cluster replace",
    ],
    word: "yes",
  };
  if (!(await isConfirmed(deed, options, context))) return EXIT_CODES.unhealthy;
  const revoked = await client.revokeCluster(name);
  return report({ cluster: revoked.name, id: revoked.id, state: "revoked" }, [`${revoked.name} is revoked`], {
    options,
    context,
  });
}

async function serveAgain(name: string, options: LeaveOptions, context: CliContext): Promise<ExitCode> {
  using client = await connectToHub(options, context);
  const { cluster } = await look(client, name);
  const deed: Deed = {
    title: `Serves ${name} again:`,
    lines: [cluster?.message ?? "", "whichever agent comes with its key gets what the cluster should run"],
    word: "yes",
  };
  if (!(await isConfirmed(deed, options, context))) return EXIT_CODES.unhealthy;
  const resumed = await client.resumeCluster(name);
  return report({ cluster: resumed.name, id: resumed.id, state: "active" }, [`${resumed.name} is served again`], {
    options,
    context,
  });
}

/** What is known of a cluster; nothing for one that does not exist, which the order itself will say. */
async function look(
  client: FleetClient,
  name: string,
): Promise<{ readonly cluster: ClusterView | undefined; readonly status: StatusView | undefined }> {
  const named = (await client.listClusters("")).filter((cluster) => cluster.id === name || cluster.name === name);
  const cluster = named.find(({ state }) => state !== "pending") ?? named[0];
  if (cluster === undefined) return { cluster: undefined, status: undefined };
  return { cluster, status: await client.getStatus({ type: "cluster", name: cluster.id }) };
}

async function isConfirmed(deed: Deed, options: LeaveOptions, context: CliContext): Promise<boolean> {
  const { err, ask } = context;
  for (const line of [deed.title, ...deed.lines.filter(Boolean).map((text) => `  ${text}`)]) err.write(`${line}\n`);
  if (options.yes === true) return true;
  if (ask === undefined) {
    throw new CliError("usage", "nobody can be asked here: standard input is no terminal", {
      remedy: "look at what is said, then run it again with --yes",
    });
  }
  const isYes = (await ask(`Type ${deed.word} to go on: `)).trim() === deed.word;
  if (!isYes) err.write("nothing was changed\n");
  return isYes;
}

async function report(
  value: object,
  lines: readonly string[],
  { options, context }: { readonly options: LeaveOptions; readonly context: CliContext },
): Promise<ExitCode> {
  if (options.output === "json" || options.output === "yaml") await printValue(context, options.output, value);
  else for (const line of lines) context.out.write(`${line}\n`);
  return EXIT_CODES.fine;
}
