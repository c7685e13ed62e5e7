import type { Command } from "commander";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import { EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { openCheckout } from "../offline/checkout.ts";
import { folderOf } from "../offline/folder-argument.ts";
import { renderCheckout } from "../offline/render-checkout.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { kubernetesVersion } from "../options/values.ts";
import { paint } from "../output/colour.ts";
import { printValue } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

interface ValidateOptions extends OutputOption {
  readonly render: boolean;
  readonly strict?: boolean;
  readonly kubeVersion?: string;
}

const HELP = `
Reads the working tree as the hub reads a commit: axle.yaml, Cluster and App files, the folders the layout finds, and
every app rendered for every cluster the repository declares. Exits 1 when there is an error (with --strict: a warning).

Examples:
  axle validate                  the checkout you stand in
  axle validate ../fleet -o json
  axle validate --no-render      only the files, without kustomize and helm
  axle validate --kube-version v1.37.0   also what that version removed
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command
    .argument("[dir]", "the root of the checkout (default: the one you stand in)")
    .option("--no-render", "do not render the apps")
    .option("--strict", "count warnings as errors")
    .option(
      "--kube-version <version>",
      "hold manifests and charts against this Kubernetes, e.g. v1.37.0",
      kubernetesVersion,
    );
  addOutputOption(command, ["table", "json", "yaml"]).addHelpText("after", HELP);
  command.action(runs((dir: string | undefined, options: ValidateOptions) => validate(dir, options, context)));
}

async function validate(dir: string | undefined, options: ValidateOptions, context: CliContext): Promise<ExitCode> {
  const folder = folderOf(dir, context);
  const facts = options.kubeVersion === undefined ? {} : { kubernetesVersion: options.kubeVersion };
  await using checkout = await openCheckout(folder, context, facts);
  const { problems } = options.render ? await renderCheckout(checkout, context.signal) : checkout.resolution;
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const { contract, resolution, clusters } = checkout;
  const variants = [...resolution.apps.values()].reduce((sum, app) => sum + app.variants.size, 0);
  const summary = { apps: contract.apps.length, clusters: clusters.length, variants, errors, warnings };
  if (options.output === "json" || options.output === "yaml") {
    await printValue(context, options.output, { ...summary, problems });
  } else {
    for (const problem of problems) context.out.write(`${describeProblem(problem, context.out.colour)}\n`);
    const found = problems.length === 0 ? "no problems" : `${plural(errors, "error")}, ${plural(warnings, "warning")}`;
    const read = `${plural(summary.apps, "app")}, ${plural(summary.clusters, "cluster")}, ${plural(variants, "variant")}`;
    context.out.write(`${found} (${read}${options.render ? " rendered" : ""})\n`);
  }
  return errors > 0 || (options.strict === true && warnings > 0) ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

function describeProblem(problem: Problem, colour: boolean): string {
  const word = paint(`${problem.severity}:`, problem.severity === "error" ? "red" : "yellow", colour);
  return `${word} ${formatProblem(problem)}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
