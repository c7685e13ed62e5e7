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
  "no-cluster": "warning",
  "unstable-render": "warning",
  ignored: "warning",
} as const satisfies Record<string, "fleet" | "app" | "warning">;

export type ProblemCode = keyof typeof PROBLEM_SCOPES;

/** `apps/web/app.yaml:7:3`, or the file alone where the line is unknown. */
export function formatPlace({ file, line, column }: Place): string {
  return line > 0 ? `${file}:${line}:${column}` : file;
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
