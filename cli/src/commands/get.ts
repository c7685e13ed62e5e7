import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import type { AppView, ClusterView } from "../client/fleet-types.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { FORMATS, printListing } from "../output/print.ts";
import { showUntilStopped } from "../output/watch.ts";
import { describeHealth, describeState, formatLabels, formatNumber, shortCommit } from "../output/state.ts";
import type { Column } from "../output/table.ts";
import { formatAge } from "../output/time.ts";
import type { CommandRegistration } from "../program.ts";

interface GetOptions extends HubOption, OutputOption {
  readonly selector?: string;
  readonly watch?: boolean;
}

const HELP = `
Examples:
  axle get clusters                       every cluster, its labels, version and freshness
  axle get clusters -l env=prod,ring!=1   only some
  axle get clusters -o name | wc -l
  axle get apps -o wide
  axle get clusters -w                    shown again every two seconds
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.usage("clusters|apps [options]").addHelpText("after", HELP);
  const clusters = command.command("clusters").alias("cluster").description("clusters that joined");
  clusters.option(
    "-l, --selector <selector>",
    "label selector as kubectl takes it: env=prod,region in (eu,us),!canary",
  );
  clusters.option("-w, --watch", "show it again every two seconds");
  addOutputOption(addHubOption(clusters), FORMATS).addHelpText("after", HELP);
  clusters.action(runs((options: GetOptions) => getClusters(options, context)));

  const apps = command.command("apps").alias("app").description("apps of the fleet");
  apps.option("-w, --watch", "show it again every two seconds");
  addOutputOption(addHubOption(apps), FORMATS).addHelpText("after", HELP);
  apps.action(runs((options: GetOptions) => getApps(options, context)));
}

async function getClusters(options: GetOptions, context: CliContext): Promise<undefined> {
  using client = await connectToHub(options, context);
  const { selector = "" } = options;
  const empty =
    selector === ""
      ? "no cluster joined yet; `axle token create --name NAME --label KEY=VALUE` starts that"
      : `no cluster matches ${selector}`;
  await showOnceOrOn(options, context, async () => {
    const rows = await client.listClusters(selector);
    const columns = clusterColumns(context.nowMs());
    await printListing(context, options.output, { rows, columns, name: (cluster) => cluster.name, empty });
  });
}

async function showOnceOrOn(options: GetOptions, context: CliContext, show: () => Promise<void>): Promise<void> {
  await (options.watch === true ? showUntilStopped(context, show) : show());
}

async function getApps(options: GetOptions, context: CliContext): Promise<undefined> {
  using client = await connectToHub(options, context);
  const empty = "no apps yet; `axle status` says what the hub makes of the repository";
  await showOnceOrOn(options, context, async () => {
    const rows = await client.listApps();
    await printListing(context, options.output, { rows, columns: appColumns, name: (app) => app.name, empty });
  });
}

export function clusterColumns(nowMs: number): Column<ClusterView>[] {
  return [
    { title: "NAME", text: (cluster) => cluster.name },
    { title: "STATE", text: (cluster) => describeState(cluster, nowMs), state: true },
    { title: "SYNC", text: (cluster) => cluster.sync ?? "-", state: true },
    { title: "HEALTH", text: (cluster) => describeHealth(cluster.health, cluster.freshness), state: true },
    { title: "APPS", text: (cluster) => String(cluster.apps), align: "right" },
    { title: "VERSION", text: (cluster) => cluster.facts.kubernetesVersion || "-" },
    { title: "LABELS", text: (cluster) => formatLabels(cluster.labels), flexible: true },
    { title: "HEARD", text: (cluster) => heard(cluster, nowMs), wide: true },
    { title: "SLICE", text: (cluster) => formatNumber(cluster.applied), wide: true },
    { title: "WANTED", text: (cluster) => formatNumber(cluster.expected), wide: true },
    { title: "AGENT", text: (cluster) => cluster.agentVersion, wide: true },
    { title: "NODES", text: (cluster) => String(cluster.facts.nodes), align: "right", wide: true },
    { title: "ID", text: (cluster) => cluster.id, wide: true },
    { title: "AGE", text: (cluster) => formatAge(nowMs - cluster.joinedAtMs) },
    { title: "MESSAGE", text: (cluster) => cluster.message, flexible: true },
  ];
}

function heard(cluster: ClusterView, nowMs: number): string {
  const at = cluster.freshness.lastHeardMs;
  return at === 0 ? "-" : formatAge(nowMs - at);
}

export const appColumns: readonly Column<AppView>[] = [
  { title: "NAME", text: (app) => app.name },
  { title: "SYNC", text: (app) => app.sync ?? "-", state: true },
  { title: "HEALTH", text: (app) => app.health ?? "-", state: true },
  { title: "APPLIED", text: (app) => `${app.clustersApplied}/${app.clusters}`, align: "right" },
  { title: "OFFLINE", text: (app) => String(app.clustersOffline), align: "right" },
  { title: "REVISION", text: (app) => String(app.revision), align: "right" },
  { title: "COMMIT", text: (app) => shortCommit(app.commit) },
  { title: "FROM", text: (app) => app.declaredIn, wide: true },
  { title: "MESSAGE", text: (app) => app.message, flexible: true },
];
