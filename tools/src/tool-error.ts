export type ToolErrorCode = "unknown-tool" | "not-found" | "override-missing";

/** A tool cannot be had. The message names every way that was tried, why each failed and what to install. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: ToolErrorCode;

  constructor(code: ToolErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}
