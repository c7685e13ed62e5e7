import type { Place, Problem, ProblemCode } from "@axle/core/fleet/problem.ts";
import type { Variant } from "@axle/core/placement/variant.ts";

/**
 * Why a variant gives no objects. All but `tool` and `timeout` follow from the repository and stay until it changes:
 * - `source`: nothing there that can be rendered, or a file that is named is missing
 * - `escapes`: a reference leaves the repository
 * - `remote`: a reference to something outside that is not fetched
 * - `dependency`: a chart needs charts that are not vendored
 * - `renderer`: kustomize or helm refused, in their own words
 * - `timeout`, `too-large`: a limit was passed
 * - `manifest`: what came out is no Kubernetes object, or lacks a namespace
 * - `duplicate`: one object twice in one render
 * - `tool`: kustomize or helm could not be run
 */
export type RenderErrorCode =
  | "source"
  | "escapes"
  | "remote"
  | "dependency"
  | "renderer"
  | "timeout"
  | "too-large"
  | "manifest"
  | "duplicate"
  | "tool";

/** The one error of this adapter. Paths in the message are relative to the repository. */
export class RenderError extends Error {
  override readonly name = "RenderError";
  readonly code: RenderErrorCode;
  readonly place: Place | undefined;

  constructor(
    code: RenderErrorCode,
    message: string,
    options: { readonly place?: Place; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.place = options.place;
  }

  /** The same input may render next time: such a failure must not be remembered. */
  get retryable(): boolean {
    return this.code === "tool" || this.code === "timeout";
  }

  /** Whether it may be about a source that could not be fetched, and so says why. */
  get isOfSources(): boolean {
    return this.code === "remote" || this.code === "dependency";
  }
}

const PROBLEM_CODES: Readonly<Record<RenderErrorCode, ProblemCode>> = {
  source: "source",
  escapes: "source",
  remote: "source",
  dependency: "render",
  renderer: "render",
  timeout: "render",
  "too-large": "render",
  manifest: "manifest",
  duplicate: "duplicate-object",
  tool: "render",
};

/** Whatever a render threw, as a problem of the app. Total: something unforeseen keeps its own words. */
export function renderProblem(error: unknown, variant: Pick<Variant, "app" | "path">): Problem {
  const place = error instanceof RenderError && error.place !== undefined ? error.place : placeOf(variant.path);
  return {
    severity: "error",
    code: error instanceof RenderError ? PROBLEM_CODES[error.code] : "render",
    message: error instanceof Error ? error.message : String(error),
    place,
    app: variant.app,
  };
}

/** A file or folder as a place; the root has a name people can read. */
export function placeOf(file: string, line = 0, column = 0): Place {
  return { file: file === "" ? "." : file, line, column };
}
