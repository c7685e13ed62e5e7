import { readFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { finish as finishSteps } from "@axle/core/steps.ts";
import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import { dnsLabelFault } from "@axle/core/fleet/label-syntax.ts";
import { matchesGlob } from "@axle/core/fleet/match-glob.ts";
import { formatProblem, refusesCommit } from "@axle/core/fleet/problem.ts";
import { readDocuments } from "@axle/core/fleet/read-documents.ts";
import { resolvePlainScalar } from "@axle/core/manifest/plain-scalar.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { openCheckout } from "../offline/checkout.ts";
import type { Checkout } from "../offline/checkout.ts";
import { parseLabelChange } from "../offline/cluster-change.ts";
import { editLabels, writeClusterFile } from "../offline/edit-cluster-file.ts";
import { folderOf } from "../offline/folder-argument.ts";
import { printComparison } from "../offline/print-comparison.ts";
import { refuseUnreadable } from "../offline/refuse-checkout.ts";
import { compareWith, newCluster, unknownCluster } from "../offline/what-if.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { collectLabels, collectTexts } from "../options/values.ts";
import { formatError } from "../output/error.ts";
import { FORMATS } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

interface EditOptions extends OutputOption {
  readonly dir?: string;
  readonly dryRun?: boolean;
}

interface AddOptions extends EditOptions {
  readonly label?: Readonly<Record<string, string>>;
  readonly value?: readonly string[];
  readonly file?: string;
}

const HELP = `
Edits the checkout, nothing else: targeting is Git, so commit and push it.
Prints what it would change on the clusters the repository's files declare;
exits 1 when that brings errors (the file is written all the same;
\`axle validate\` shows them).

Examples:
`;

const LABEL_EXAMPLES = `\
  axle cluster label eu-1 ring=3 canary-       sets one, takes one away
  axle cluster label eu-1 env=prod --dry-run   only what it would change
`;

const ADD_EXAMPLES = `\
  axle cluster add eu-9 env=prod region=eu --value domain=nine.example.com
  axle cluster add eu-9 --file clusters/eu/eu-9.yaml
`;

/** `axle cluster label` and `axle cluster add`. */
export function defineClusterEdits(command: Command, { context, runs }: CommandRegistration): void {
  const label = command.command("label").description("change labels in a cluster's file in the checkout");
  label.argument("<name>", "name of the cluster").argument("<labels...>", "key=value sets, key- takes away");
  addEditOptions(label).addHelpText("after", HELP + LABEL_EXAMPLES);
  label.action(
    runs((name: string, words: string[], options: EditOptions) => relabel(name, words, { options, context })),
  );

  const add = command.command("add").description("write a file for a new cluster into the checkout");
  add
    .argument("<name>", "name of the cluster")
    .argument("[labels...]", "its labels, key=value", collectLabels)
    .option("--label <key=value>", "one more label (repeat it)", collectLabels)
    .option("--value <path=value>", "a value, e.g. domain=eu.example.com or limits.cpu=4 (repeat it)", collectTexts)
    .option("--file <path>", "where (default: what spec.clusterFiles of axle.yaml says)");
  addEditOptions(add).addHelpText("after", HELP + ADD_EXAMPLES);
  add.action(
    runs((name: string, labels: AddOptions["label"], options: AddOptions) =>
      addCluster(name, { ...options, label: { ...labels, ...options.label } }, context),
    ),
  );
}

function addEditOptions(command: Command): Command {
  command
    .option("-C, --dir <dir>", "the root of the checkout (default: the one you stand in)")
    .option("--dry-run", "only show what would change");
  return addOutputOption(command, FORMATS);
}

interface EditContext {
  readonly options: EditOptions;
  readonly context: CliContext;
}

async function relabel(name: string, words: readonly string[], { options, context }: EditContext): Promise<ExitCode> {
  const change = parseLabelChange(words);
  await using checkout = await openReadable(options, context);
  const file = checkout.contract.clusterFiles.find((each) => each.name === name)?.declaredAt.file;
  if (file === undefined) {
    // It may be in a file that cannot be read.
    if (refusesCommit(checkout.contract.problems)) refuseUnreadable(checkout);
    throw unknownCluster(
      name,
      checkout.contract.clusterFiles.map((each) => each.name),
    );
  }
  const path = join(folderOf(options.dir, context), file);
  const before = await readFile(path, "utf8");
  const after = editLabels(before, name, change);
  if (after === undefined) {
    throw new CliError("bad-input", `the labels of ${name} in ${file} cannot be changed alone`, {
      remedy: "anchors or << share them with something else; edit the file by hand",
    });
  }
  const edited = clusterIn(after, { file, name });
  const clusters = checkout.clusters.map((cluster) =>
    cluster.name === name ? { ...cluster, labels: edited.labels } : cluster,
  );
  if (after === before) context.err.write(`${file} says so already\n`);
  return finish({ file, text: after, path, clusters, checkout }, options, context);
}

async function addCluster(name: string, options: AddOptions, context: CliContext): Promise<ExitCode> {
  const fault = dnsLabelFault(name);
  if (fault !== undefined) throw new CliError("usage", fault);
  await using checkout = await openReadable(options, context);
  const taken = checkout.contract.clusterFiles.find((each) => each.name === name)?.declaredAt.file;
  if (taken !== undefined) {
    throw new CliError("conflict", `${taken} declares ${name} already`, { remedy: "`axle cluster label` changes it" });
  }
  const file = options.file ?? newFileFor(name, checkout);
  checkIsRead(file, checkout);
  if (checkout.tree.files.has(file)) {
    throw new CliError("conflict", `${file} is there already`, { remedy: "name another with --file" });
  }
  const text = writeClusterFile(name, options.label ?? {}, readValues(options.value ?? []));
  const { labels, values } = clusterIn(text, { file, name });
  const clusters = [...checkout.clusters, newCluster(name, labels, values)];
  const path = join(folderOf(options.dir, context), file);
  return finish({ file, text, path, clusters, checkout }, options, context);
}

interface Edited {
  readonly file: string;
  readonly path: string;
  readonly text: string;
  readonly clusters: readonly FleetCluster[];
  readonly checkout: Checkout;
}

async function finish(edited: Edited, { dryRun, output }: EditOptions, context: CliContext): Promise<ExitCode> {
  const { file, path, text, clusters, checkout } = edited;
  if (dryRun !== true) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    context.err.write(`wrote ${file}\n`);
  }
  try {
    refuseUnreadable(checkout);
  } catch (error) {
    context.err.write(formatError(error, { verbose: false, colour: context.err.colour }));
    return EXIT_CODES.unhealthy;
  }
  const comparison = compareWith(checkout, clusters);
  await printComparison(context, comparison, output);
  return comparison.problems.some(({ severity }) => severity === "error") ? EXIT_CODES.unhealthy : EXIT_CODES.fine;
}

async function openReadable(options: EditOptions, context: CliContext): Promise<Checkout> {
  await using stack = new AsyncDisposableStack();
  const checkout = stack.use(await openCheckout(folderOf(options.dir, context), context));
  const first = checkout.contract.problems.find(({ severity }) => severity === "error");
  if (checkout.contract.fleet === undefined) {
    throw new CliError("bad-input", first === undefined ? "there is no axle.yaml" : formatProblem(first), {
      remedy: "`axle validate` shows every problem",
    });
  }
  const owned = stack.move();
  return { ...checkout, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The text as the hub will read it. Throws CliError "bad-input" for what would not parse: nothing is written then. */
function clusterIn(
  text: string,
  { file, name }: { readonly file: string; readonly name: string },
): Pick<FleetCluster, "labels" | "values"> {
  const { documents, problems } = finishSteps(readDocuments(text, file, true));
  const problem = problems.find(({ severity }) => severity === "error");
  if (problem !== undefined) throw new CliError("bad-input", `it would not be read: ${formatProblem(problem)}`);
  const found = documents.flatMap((document) => (document.kind === "Cluster" ? document.value : []));
  const cluster = found.find(({ metadata }) => metadata.name === name);
  if (cluster === undefined) throw new CliError("bad-input", `${file} would not hold ${name}`);
  return { labels: cluster.metadata.labels ?? {}, values: cluster.spec?.values ?? {} };
}

/** The first of `spec.clusterFiles` with the name in the place of its star, or of its `**` where it has no other. */
function newFileFor(name: string, { contract }: Checkout): string {
  const globs = contract.fleet?.clusterFiles ?? [];
  for (const glob of globs) {
    const short = glob.replaceAll("**/", "");
    const path = short.includes("*") ? short.replace("*", name) : glob.replace("**", name).replaceAll("**/", "");
    if (path !== glob && !/[*?]/.test(path) && matchesGlob(glob, path)) return path;
  }
  throw new CliError("bad-input", "spec.clusterFiles of axle.yaml does not say where Cluster files are", {
    remedy: 'add clusterFiles: ["clusters/*.yaml"] there, or name a file with --file',
  });
}

function checkIsRead(file: string, { contract }: Checkout): void {
  const globs = contract.fleet?.clusterFiles ?? [];
  if (file.startsWith("/") || file.split("/").includes("..")) {
    throw new CliError("usage", `${file} is outside of the checkout`, { remedy: "name it from the checkout's root" });
  }
  if (!globs.some((glob) => matchesGlob(glob, file))) {
    throw new CliError("usage", `${file} would not be read: spec.clusterFiles is ${globs.join(", ") || "empty"}`);
  }
}

/** `a.b=4` to `{a: {b: 4}}`; values as YAML reads them. Throws CliError "usage". */
function readValues(texts: readonly string[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    const steps = text.slice(0, Math.max(0, at)).split(".");
    if (at < 1 || steps.some((step) => !/^[A-Za-z_][\w-]*$/.test(step))) {
      throw new CliError("usage", `"${text}" is no value`, { remedy: "write path=value, e.g. domain=eu.example.com" });
    }
    const last = steps.pop() as string;
    let place = values;
    for (const step of steps) {
      place[step] ??= {};
      if (typeof place[step] !== "object" || place[step] === null) {
        throw new CliError("usage", `"${text}" goes through ${step}, which is a value itself`);
      }
      place = place[step] as Record<string, unknown>;
    }
    const scalar = resolvePlainScalar(text.slice(at + 1));
    place[last] = scalar.kind === "value" ? scalar.value : text.slice(at + 1);
  }
  return values;
}
