export type SupervisedProcessErrorCode = "spawn-failed" | "exited" | "not-ready" | "aborted";

/** A process that was started did not become, or stay, what was asked of it. The message ends with its last output. */
export class SupervisedProcessError extends Error {
  override readonly name = "SupervisedProcessError";
  readonly code: SupervisedProcessErrorCode;

  constructor(code: SupervisedProcessErrorCode, message: string, options: { cause?: unknown; tail?: string } = {}) {
    const tail = options.tail === undefined || options.tail === "" ? "" : `\nits last output:\n${indent(options.tail)}`;
    super(`${message}${tail}`, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
  }
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
