import { describeSource, splitMount } from "./source-request.ts";

/** Where something stands in the repository. Line and column count from 1; 0 when unknown. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Something wrong with the repository, in the words a user gets. `message` says what was found, what was expected and
 * what to do, without the place; {@link formatProblem} adds it.
 */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  readonly message: string;
  readonly place?: Place;
  /** Path of the field, e.g. `spec.clusters.matchLabels`. */
  readonly field?: string;
  readonly app?: string;
  readonly cluster?: string;
}

/**
 * `scope` of a code decides what stays where it is: a fleet problem refuses the commit whole, an app problem holds the
 * app at its last good revision on all its clusters.
 */
export const PROBLEM_SCOPES = {
  /** Not YAML, or not an object. */
  syntax: "fleet",
  /** A field that is not in the schema, a wrong type, a missing field. */
  schema: "fleet",
  "fleet-missing": "fleet",
  "path-escapes": "fleet",
  "duplicate-app": "fleet",
  "duplicate-cluster": "fleet",
  "history-rewritten": "fleet",
  "too-large": "fleet",
  /** A branch or tag that stays at the commit it was taken from last: rewritten, moved, gone, or not to be read. */
  "ref-held": "app",
  /** The source folder does not exist or holds nothing that can be rendered. */
  source: "app",
  "ambiguous-placement": "app",
  substitution: "app",
  render: "app",
  manifest: "app",
  "duplicate-object": "app",
  dependency: "app",
  /** A kind, or a version of it, that a cluster says it does not serve; a warning where the object is there already. */
  "unknown-kind": "app",
  "removed-api": "app",
  /** A Secret in the clear: warning or error, as the Fleet says. */
  "plain-secret": "app",
  /** An object that the cluster it is for cannot open. */
  sealed: "warning",
  "no-cluster": "warning",
  /** An object of Flux or Argo CD where no app brings the controller that acts on it. */
  "no-controller": "warning",
  /** A Cluster file of a cluster that was taken out of the fleet. */
  "forgotten-cluster": "warning",
  "unstable-render": "warning",
  ignored: "warning",
} as const satisfies Record<string, "fleet" | "app" | "warning">;

export type ProblemCode = keyof typeof PROBLEM_SCOPES;

const MAX_MESSAGE_CHARACTERS = 4_000;

/** A message as it may be stored: it can quote what a repository holds, and a key or a name may be megabytes long. */
export function shortMessage(message: string): string {
  return message.length <= MAX_MESSAGE_CHARACTERS ? message : `${message.slice(0, MAX_MESSAGE_CHARACTERS)} …`;
}

/** `apps/web/app.yaml:7:3`, or the file alone where the line is unknown; with the source of a file from elsewhere. */
export function formatPlace({ file, line, column }: Place): string {
  const at = line > 0 ? `:${line}:${column}` : "";
  const mounted = splitMount(file);
  if (mounted === undefined) return `${file}${at}`;
  const source = describeSource(mounted.request);
  return mounted.path === "" ? source : `${mounted.path}${at} (${source})`;
}

/** `apps/web/app.yaml:7:3: spec.clusters: …` */
export function formatProblem(problem: Problem): string {
  const { place, field } = problem;
  const where = place === undefined ? "" : `${formatPlace(place)}: `;
  return `${where}${field === undefined ? "" : `${field}: `}${problem.message}`;
}

/** Whether a list of problems refuses the whole commit. */
export function refusesCommit(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === "error" && PROBLEM_SCOPES[problem.code] === "fleet");
}
