import type { Command } from "commander";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { openCheckout } from "../offline/checkout.ts";
import type { Checkout } from "../offline/checkout.ts";
import { clusterObjects } from "../offline/cluster-objects.ts";
import type { AppObjects } from "../offline/cluster-objects.ts";
import { folderOf } from "../offline/folder-argument.ts";
import { renderCheckout } from "../offline/render-checkout.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { collectLabels, kubernetesVersion } from "../options/values.ts";
import { paint } from "../output/colour.ts";
import { printValue } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

interface RenderOptions extends OutputOption {
  readonly cluster?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly app?: string;
  readonly kubeVersion?: string;
}

const IMAGINED = "imagined";

const HELP = `
Prints what the agent of that cluster would apply: rendered with the same kustomize and helm the hub uses, with the
cluster's values put in. Exits 1 when an app for the cluster does not render; what does is printed all the same.

Examples:
  axle render --cluster prod                       a cluster of the repository's own files
  axle render --cluster prod --app shop ../fleet
  axle render --label env=prod --label region=eu   a cluster that does not exist yet
  axle render --cluster prod | kubectl diff -f -
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command
    .argument("[dir]", "the root of the checkout (default: the one you stand in)")
    .option("--cluster <name>", "a cluster with a file in the repository")
    .option("--label <key=value>", "imagine a cluster with this label (repeat it)", collectLabels)
    .option("--app <name>", "only this app")
    .option("--kube-version <version>", "for charts that ask, e.g. v1.37.0", kubernetesVersion);
  addOutputOption(command, ["yaml", "json", "name"]).addHelpText("after", HELP);
  command.action(runs((dir: string | undefined, options: RenderOptions) => render(dir, options, context)));
}

async function render(dir: string | undefined, options: RenderOptions, context: CliContext): Promise<ExitCode> {
  const { label, app: onlyApp } = options;
  if (options.cluster === undefined && label === undefined) {
    throw new CliError("usage", "for which cluster?", {
      remedy: "add --cluster NAME, or --label env=prod to imagine one",
    });
  }
  const name = options.cluster ?? IMAGINED;
  await using checkout = await openCheckout(folderOf(dir, context), context, {
    ...(label === undefined ? {} : { imagined: { name, labels: label } }),
    ...(options.kubeVersion === undefined ? {} : { kubernetesVersion: options.kubeVersion }),
  });
  refuseUnreadable(checkout);
  const cluster = checkout.clusters.find((each) => each.name === name);
  if (cluster === undefined) throw unknownCluster(name, checkout);
  const here = new Set(
    [...checkout.resolution.apps]
      .filter(([app, { targets }]) => targets.has(cluster.id) && (onlyApp === undefined || app === onlyApp))
      .map(([app]) => app),
  );
  if (onlyApp !== undefined && !here.has(onlyApp) && !checkout.resolution.broken.has(onlyApp)) {
    throw unknownApp(onlyApp, name, checkout);
  }
  const rendering = await renderCheckout(checkout, context.signal, here);
  await printObjects(clusterObjects(checkout, rendering, cluster.id), options, context);

  const concerning = rendering.problems.filter(
    ({ app, cluster: where }) =>
      (onlyApp === undefined || app === undefined || app === onlyApp) &&
      (where === undefined || where === cluster.name || where === cluster.id),
  );
  for (const problem of concerning) {
    const word = paint(`${problem.severity}:`, problem.severity === "error" ? "red" : "yellow", context.err.colour);
    context.err.write(`${word} ${formatProblem(problem)}\n`);
  }
  return concerning.some(({ severity }) => severity === "error") ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

async function printObjects(apps: readonly AppObjects[], options: RenderOptions, context: CliContext): Promise<void> {
  const { out } = context;
  if (options.output === "json") {
    await printValue(
      context,
      "json",
      apps.flatMap(({ objects }) => objects),
    );
    return;
  }
  if (options.output === "name") {
    const names = apps.flatMap(({ app, objects }) =>
      objects.map(
        ({ kind, metadata }) => `${app}: ${kind} ${[metadata.namespace, metadata.name].filter(Boolean).join("/")}`,
      ),
    );
    for (const name of names) out.write(`${name}\n`);
    return;
  }
  const { stringify } = await import("yaml");
  for (const { app, objects } of apps) {
    // YAML 1.1, as Kubernetes reads it: a string "yes" keeps its quotes.
    const texts = objects.map((object) =>
      stringify(object, { version: "1.1", aliasDuplicateObjects: false, lineWidth: 0 }),
    );
    for (const text of texts) out.write(`---\n# app ${app}\n${text}`);
  }
}

function refuseUnreadable(checkout: Checkout): void {
  if (checkout.contract.fleet !== undefined) return;
  const first = checkout.contract.problems.find(({ severity }) => severity === "error");
  throw new CliError("bad-input", first === undefined ? "there is no axle.yaml" : formatProblem(first), {
    remedy: "`axle validate` shows every problem",
  });
}

function unknownCluster(name: string, checkout: Checkout): CliError {
  const names = checkout.clusters.map((each) => each.name);
  return new CliError("not-found", `no Cluster file declares ${name}`, {
    remedy:
      names.length === 0
        ? "the repository has no Cluster files; imagine a cluster with --label env=prod"
        : `there are ${names.join(", ")}; or imagine one with --label env=prod`,
  });
}

function unknownApp(app: string, cluster: string, checkout: Checkout): CliError {
  const exists = checkout.contract.apps.some(({ name }) => name === app);
  return exists
    ? new CliError("not-found", `the app ${app} does not reach ${cluster}`, {
        remedy: `\`axle targets --app ${app}\` shows where it goes`,
      })
    : new CliError("not-found", `there is no app ${app}`, {
        remedy: `there are ${checkout.contract.apps.map(({ name }) => name).join(", ") || "none"}`,
      });
}
