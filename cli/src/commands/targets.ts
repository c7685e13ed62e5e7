import type { Command } from "commander";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { TargetView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { namesHub } from "../client/client-config.ts";
import { findCheckout, folderOf } from "../offline/folder-argument.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { collectTexts } from "../options/values.ts";
import { FORMATS, printListing } from "../output/print.ts";
import { formatLabels } from "../output/state.ts";
import type { Column } from "../output/table.ts";
import type { CommandRegistration } from "../program.ts";

interface TargetsOptions extends HubOption, OutputOption {
  readonly selector?: string;
  readonly app?: string;
  readonly cluster?: string;
  readonly explain?: boolean;
  readonly whatIf?: readonly string[];
  readonly whatIfNew?: readonly string[];
}

const HELP = `
With a folder it works on that checkout and the clusters its own files
declare; without one it asks the hub, or where no hub is named it works on the
checkout you stand in. --explain and --what-if need a checkout to reason about:
without a folder that is where you stand, with the clusters the hub knows.
Exits 1 when nothing is reached.

Examples:
  axle targets -l env=prod              clusters, and what runs there
  axle targets --app shop               where shop goes, and because of what
  axle targets --cluster eu-1 .         which apps eu-1 gets, and why
  axle targets --app shop --explain .   why, and on the others why not
  axle targets --what-if eu-1,ring=3,canary- .
                                        what other labels would change
  axle targets --what-if-new eu-9,env=prod .
                                        what a new cluster would get
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command
    .argument("[dir]", "a checkout to look at instead of the hub")
    .option("-l, --selector <selector>", "which clusters, as kubectl takes it: env=prod,region in (eu,us),!canary")
    .option("--app <name>", "only this app")
    .option("--cluster <name>", "only this cluster")
    .option("--explain", "say why, with overrides; and why not, where an app nearly matches or is asked for by name")
    .option("--what-if <cluster,label=value>", "with these labels (label- takes one away; repeat it)", collectTexts)
    .option("--what-if-new <name,label=value>", "with one more cluster (repeat it)", collectTexts);
  addOutputOption(addHubOption(command), FORMATS).addHelpText("after", HELP);
  command.action(runs((dir: string | undefined, options: TargetsOptions) => showTargets(dir, options, context)));
}

async function showTargets(given: string | undefined, options: TargetsOptions, context: CliContext): Promise<ExitCode> {
  const dir = given ?? (await checkoutWithoutHub(options, context));
  if (options.whatIf !== undefined || options.whatIfNew !== undefined) return showWhatIf(dir, options, context);
  if (options.explain === true) return explain(dir, options, context);
  const all = dir === undefined ? await askHub(options, context) : await readFolder(dir, options, context);
  const targets = options.cluster === undefined ? all : all.filter(({ cluster }) => cluster === options.cluster);
  if (dir === undefined && options.cluster !== undefined && all.length > 0 && targets.length === 0) {
    if (options.app === undefined && options.selector === undefined) {
      const { unknownCluster } = await import("../offline/what-if.ts");
      throw unknownCluster(
        options.cluster,
        all.map(({ cluster }) => cluster),
      );
    }
  }
  const isTable = options.output === "table" || options.output === "wide";
  if (isTable && options.cluster !== undefined && targets[0] !== undefined) {
    await printListing(context, options.output, {
      rows: targets[0].apps,
      columns: appColumns,
      name: ({ app }) => app,
      empty: `${options.cluster} gets no app`,
    });
    return targets[0].apps.length === 0 ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
  }
  await printListing(context, options.output, {
    rows: targets,
    columns,
    name: ({ cluster }) => cluster,
    empty: describeEmpty(options),
  });
  return targets.length === 0 ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

function describeEmpty({ app, cluster, selector }: TargetsOptions): string {
  if (app !== undefined && cluster !== undefined) return `${app} does not reach ${cluster}`;
  if (app !== undefined) return `${app} reaches no ${selector === undefined ? "cluster" : "such cluster"}`;
  if (selector !== undefined) return `no ${cluster === undefined ? "cluster" : cluster} matches ${selector}`;
  return "there is no cluster";
}

/** Somebody who is in a checkout and never named a hub means the checkout; that it is one is said beside the answer. */
async function checkoutWithoutHub({ hub }: HubOption, context: CliContext): Promise<string | undefined> {
  if (await namesHub(hub, context)) return undefined;
  const folder = findCheckout(context);
  if (folder !== undefined) context.err.write(`no hub is named here; this is what the files in ${folder} say\n`);
  return folder;
}

async function askHub(options: TargetsOptions, context: CliContext): Promise<readonly TargetView[]> {
  using client = await connectToHub(options, context);
  return await client.listTargets(options.selector ?? "", options.app ?? "");
}

async function readFolder(dir: string, options: TargetsOptions, context: CliContext): Promise<readonly TargetView[]> {
  const { listTargets } = await import("../offline/list-targets.ts");
  return listTargets(folderOf(dir, context), options, context);
}

async function explain(dir: string | undefined, options: TargetsOptions, context: CliContext): Promise<ExitCode> {
  const [{ openFleetCheckout }, { explainCheckout, explanationColumns }, { refuseUnreadable }] = await Promise.all([
    import("../offline/open-fleet-checkout.ts"),
    import("../offline/explain-checkout.ts"),
    import("../offline/refuse-checkout.ts"),
  ]);
  await using checkout = await openFleetCheckout(dir, options, context);
  refuseUnreadable(checkout);
  const rows = explainCheckout(checkout, options);
  await printListing(context, options.output, {
    rows,
    columns: explanationColumns,
    name: ({ cluster, app }) => `${cluster}/${app}`,
    empty: "nothing matches, not even nearly",
  });
  return rows.some(({ gets }) => gets) ? EXIT_CODES.fine : EXIT_CODES.unhealthy;
}

async function showWhatIf(dir: string | undefined, options: TargetsOptions, context: CliContext): Promise<ExitCode> {
  if (options.selector !== undefined) {
    throw new CliError("usage", "--selector does not go with --what-if", { remedy: "use --app or --cluster" });
  }
  const [{ openFleetCheckout }, { whatIf }, { printComparison }, { refuseUnreadable }] = await Promise.all([
    import("../offline/open-fleet-checkout.ts"),
    import("../offline/what-if.ts"),
    import("../offline/print-comparison.ts"),
    import("../offline/refuse-checkout.ts"),
  ]);
  await using checkout = await openFleetCheckout(dir, options, context);
  refuseUnreadable(checkout);
  const comparison = whatIf(checkout, { changed: options.whatIf ?? [], added: options.whatIfNew ?? [] }, options);
  await printComparison(context, comparison, options.output);
  return comparison.problems.some(({ severity }) => severity === "error") ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

const columns: readonly Column<TargetView>[] = [
  { title: "CLUSTER", text: ({ cluster }) => cluster },
  { title: "LABELS", text: ({ labels }) => formatLabels(labels), flexible: true },
  { title: "APPS", text: ({ apps }) => apps.map(({ app }) => app).join(", ") || "-", flexible: true },
  {
    title: "BECAUSE",
    text: ({ apps }) => apps.map(({ app, because, source }) => `${app}: ${because} -> ${source || "/"}`).join("; "),
    wide: true,
  },
];

const appColumns: readonly Column<TargetView["apps"][number]>[] = [
  { title: "APP", text: ({ app }) => app },
  { title: "SOURCE", text: ({ source }) => source || "/", flexible: true },
  { title: "BECAUSE", text: ({ because }) => because, flexible: true },
];
