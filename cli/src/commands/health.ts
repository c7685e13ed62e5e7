import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import { healthOf } from "@axle/core/health/health-of.ts";
import { describeRef, idOf, type KubeObject, refOf } from "@axle/core/manifest/object.ts";
import { parseManifest } from "@axle/core/manifest/parse-manifest.ts";
import type { Health } from "@axle/core/status/report.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { ExitCode } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { formatTable } from "../output/table.ts";
import { printValue } from "../output/print.ts";
import type { CommandRegistration } from "../program.ts";

interface HealthOptions extends OutputOption {
  readonly filename: readonly string[];
}

/** One object's health, in the order of the input. */
interface HealthRow {
  /** `group/Kind/namespace/name`. */
  readonly id: string;
  /** Null: the object has no health and does not count. */
  readonly status: Health | null;
  readonly message: string;
}

const STDIN = "-";

const HELP = `
Says how objects are, by what stands in their status, with the rules the agent uses (docs/reference/health.md). Takes
YAML or JSON with any number of objects and Lists, as kubectl prints them; asks no cluster and no hub.
Exits 0 when every object is Healthy or has no health, else 1.

Examples:
  kubectl get deploy,pods -n web -o json | axle health -f -
  axle health -f live.yaml -f more.json
  axle health -f live.yaml -o json
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.requiredOption("-f, --filename <file>", "file with objects, - for standard input (repeat it)", collect);
  addOutputOption(command, ["table", "json", "yaml"]).addHelpText("after", HELP);
  command.action(runs((options: HealthOptions) => health(options, context)));
}

async function health(options: HealthOptions, context: CliContext): Promise<ExitCode> {
  const objects: KubeObject[] = [];
  // One after the other: the order of the input is the order of the answer.
  for (const file of options.filename) objects.push(...(await readObjects(file, context)));
  const nowMs = context.nowMs();
  const rows = objects.map((object) => judge(object, nowMs));
  if (options.output === "json" || options.output === "yaml") {
    await printValue(
      context,
      options.output,
      rows.map(({ row }) => row),
    );
  } else if (rows.length === 0) {
    context.err.write("no objects\n");
  } else {
    const { width, colour } = context.out;
    context.out.write(
      formatTable(
        rows,
        [
          { title: "OBJECT", text: ({ name }) => name },
          { title: "HEALTH", text: ({ row }) => row.status ?? "-", state: true },
          { title: "WHY", text: ({ row }) => row.message, flexible: true },
        ],
        { width, colour, wide: false },
      ),
    );
  }
  return rows.every(({ row }) => row.status === null || row.status === "Healthy")
    ? EXIT_CODES.fine
    : EXIT_CODES.unhealthy;
}

function judge(object: KubeObject, nowMs: number): { readonly name: string; readonly row: HealthRow } {
  const verdict = healthOf(object, nowMs);
  return {
    name: describeRef(refOf(object)),
    row: { id: idOf(object), status: verdict?.health ?? null, message: verdict?.message ?? "" },
  };
}

async function readObjects(file: string, context: CliContext): Promise<readonly KubeObject[]> {
  const { objects, problems } = parseManifest(await readText(file, context), file === STDIN ? "standard input" : file);
  const [problem] = problems;
  if (problem !== undefined) {
    throw new CliError("bad-input", formatProblem(problem), {
      remedy: "give objects as the cluster has them, e.g. from kubectl get -o yaml",
    });
  }
  return objects.map(({ object }) => object);
}

async function readText(file: string, context: CliContext): Promise<string> {
  try {
    if (file !== STDIN) return await readFile(resolve(context.cwd, file), { encoding: "utf8", signal: context.signal });
    if (context.input === undefined) throw new Error("there is no standard input");
    return await context.input();
  } catch (cause) {
    if (context.signal.aborted) throw new CliError("interrupted", "stopped", { cause });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError("bad-input", `cannot read ${file === STDIN ? "standard input" : file}: ${why}`, {
      remedy: "check the path; - stands for standard input",
      cause,
    });
  }
}

/** Commander hands over what was given before. */
function collect(file: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), file];
}
