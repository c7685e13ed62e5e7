import type { Command } from "commander";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import { EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { FleetClient } from "../client/fleet-client.ts";
import type { AppOnClusterView, ClusterView, FleetView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { paint } from "../output/colour.ts";
import { printListing, printValue } from "../output/print.ts";
import type { Format } from "../output/print.ts";
import {
  describeFreshness,
  describeHealth,
  describeState,
  explainRow,
  formatLabels,
  shortCommit,
} from "../output/state.ts";
import { isAppWell, isClusterWell, isRowWell } from "../output/state.ts";
import type { Column } from "../output/table.ts";
import { formatAge } from "../output/time.ts";
import type { CommandRegistration } from "../program.ts";
import { appColumns, clusterColumns } from "./get.ts";

interface StatusOptions extends HubOption, OutputOption {
  readonly app?: boolean;
  readonly cluster?: boolean;
}

const HELP = `
Exits 0 when everything asked about is applied, healthy and online, and 1 when something is not.

Examples:
  axle status                    the repository, every cluster, every app
  axle status shop               the app (or cluster) shop
  axle status --cluster prod-1   when an app has that name too
  until axle status shop; do sleep 2; done
`;

const FORMATS: readonly Format[] = ["table", "wide", "json", "yaml"];

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.argument("[name]", "an app or a cluster; none: the whole fleet");
  command.option("--app", "the name is an app").option("--cluster", "the name is a cluster");
  addOutputOption(addHubOption(command), FORMATS).addHelpText("after", HELP);
  command.action(
    runs(async (name: string | undefined, options: StatusOptions) => {
      using client = await connectToHub(options, context);
      return await (name === undefined
        ? showFleet(client, options.output, context)
        : showSubject({ client, name, options, context }));
    }),
  );
}

async function showFleet(client: FleetClient, format: Format, context: CliContext): Promise<ExitCode> {
  const [fleet, clusters, apps] = await Promise.all([client.getFleet(), client.listClusters(""), client.listApps()]);
  const isWell =
    fleet.fetchError === "" &&
    !fleet.problems.some(({ severity }) => severity === "error") &&
    clusters.every(isClusterWell) &&
    apps.every(isAppWell);
  if (format === "json" || format === "yaml") {
    await printValue(context, format, { fleet, clusters, apps });
  } else {
    const { out } = context;
    out.write(describeFleet(fleet, context));
    const byName = (row: { name: string }): string => row.name;
    out.write("\nCLUSTERS\n");
    const columns = clusterColumns(context.nowMs());
    await printListing(context, format, { rows: clusters, columns, name: byName, empty: "none joined yet" });
    out.write("\nAPPS\n");
    await printListing(context, format, { rows: apps, columns: appColumns, name: byName, empty: "none yet" });
  }
  return isWell ? EXIT_CODES.fine : EXIT_CODES.unhealthy;
}

function describeFleet(fleet: FleetView, context: CliContext): string {
  const { out } = context;
  const age = formatAge(context.nowMs() - fleet.lastFetchMs);
  const heard = fleet.lastFetchMs === 0 ? "not read yet" : age === "now" ? "read just now" : `read ${age} ago`;
  const lines = [
    `${paint(fleet.name || "fleet", "bold", out.colour)}  ${[fleet.repository, fleet.branch].join(" ").trim()} (${heard})`,
  ];
  if (fleet.fetchError !== "") lines.push(`  ${paint("error:", "red", out.colour)} ${fleet.fetchError}`);
  const { head, accepted } = fleet;
  lines.push(
    head === accepted || head === ""
      ? `  at commit ${shortCommit(accepted) || "none yet"}`
      : `  at commit ${shortCommit(accepted) || "none yet"}; the newest, ${shortCommit(head)}, is refused:`,
  );
  for (const problem of fleet.problems) {
    const word = paint(`${problem.severity}:`, problem.severity === "error" ? "red" : "yellow", out.colour);
    lines.push(`  ${word} ${formatProblem(problem)}`);
  }
  return `${lines.join("\n")}\n`;
}

async function showSubject(asked: {
  client: FleetClient;
  name: string;
  options: StatusOptions;
  context: CliContext;
}): Promise<ExitCode> {
  const { client, name, options, context } = asked;
  const type = options.app === true ? "app" : options.cluster === true ? "cluster" : "name";
  const status = await client.getStatus({ type, name });
  const format = options.output;
  if (format === "json" || format === "yaml") {
    await printValue(context, format, status);
  } else {
    const { cluster, app } = status;
    if (cluster !== undefined) {
      const state = describeState(cluster, context.nowMs());
      context.out.write(
        `cluster ${cluster.name}  ${state}  ${cluster.facts.kubernetesVersion}  ${formatLabels(cluster.labels)}\n`,
      );
      if (cluster.message !== "") context.out.write(`  ${cluster.message}\n`);
    }
    if (app !== undefined) {
      context.out.write(
        `app ${app.name}  revision ${app.revision}  commit ${shortCommit(app.commit)}  from ${app.declaredIn}\n`,
      );
      if (app.message !== "") context.out.write(`  ${app.message}\n`);
    }
    await printListing(context, format, {
      rows: status.rows,
      columns: rowColumns(cluster === undefined, context.nowMs()),
      name: (row) => `${row.cluster}/${row.app}`,
      empty: cluster === undefined ? "it reaches no cluster" : "no app reaches this cluster",
    });
    if (format === "wide") writeDetails(status.rows, context);
  }
  const isWorking = status.cluster === undefined || isOneOfFleet(status.cluster);
  return isWorking && status.rows.every(isRowWell) ? EXIT_CODES.fine : EXIT_CODES.unhealthy;
}

function isOneOfFleet({ freshness, state }: ClusterView): boolean {
  return freshness.online && state === "active";
}

function rowColumns(perCluster: boolean, nowMs: number): Column<AppOnClusterView>[] {
  const subject: Column<AppOnClusterView> = perCluster
    ? { title: "CLUSTER", text: (row) => row.cluster }
    : { title: "APP", text: (row) => row.app };
  return [
    subject,
    { title: "SYNC", text: (row) => row.report?.sync ?? "Pending", state: true },
    { title: "HEALTH", text: (row) => describeHealth(row.report?.health, row.freshness), state: true },
    { title: "REVISION", text: describeRevision, align: "right" },
    { title: "COMMIT", text: (row) => shortCommit(row.report?.commit ?? "") || "-" },
    { title: "OBJECTS", text: (row) => String(row.report?.objects ?? 0), align: "right" },
    { title: "DRIFTS", text: (row) => String(row.report?.drifts.length ?? 0), align: "right" },
    ...(perCluster
      ? [{ title: "STATE", text: (row: AppOnClusterView) => describeFreshness(row.freshness, nowMs), state: true }]
      : []),
    { title: "MESSAGE", text: explainRow, flexible: true },
  ];
}

function describeRevision(row: AppOnClusterView): string {
  const reported = row.report?.revision ?? 0;
  return reported === row.desiredRevision ? String(reported) : `${reported} of ${row.desiredRevision}`;
}

/** In words, for the lists of an app that is only observed. */
const PLANNED: Readonly<Record<string, string>> = {
  create: "would create",
  adopt: "would adopt",
  change: "would change",
  unmanaged: "unmanaged:",
};

function writeDetails(rows: readonly AppOnClusterView[], context: CliContext): void {
  for (const row of rows) {
    for (const [what, ids] of Object.entries(row.report?.plan ?? {}) as [string, readonly string[]][]) {
      for (const id of ids) context.out.write(`  ${row.cluster}/${row.app}: ${PLANNED[what] ?? what} ${id}\n`);
    }
    for (const drift of row.report?.drifts ?? []) {
      const who = drift.manager === "" ? "somebody" : drift.manager;
      const age = formatAge(context.nowMs() - drift.atMs);
      const paths = drift.paths.length === 0 ? "" : `: ${drift.paths.join(", ")}`;
      context.out.write(
        `  ${row.cluster}/${row.app}: ${drift.object} changed by ${who} ${age} ago${paths} (${drift.action})\n`,
      );
    }
  }
}
