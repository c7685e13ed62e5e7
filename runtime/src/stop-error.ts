/** `signal`: the process was told to stop. `ended`: a service ended unasked. `timeout`: a deadline passed. `terminal`: retrying cannot help. */
export type StopCode = "signal" | "ended" | "timeout" | "terminal";

/** Why something was stopped: the typed reason of our abort signals. */
export class StopError extends Error {
  override readonly name = "StopError";
  readonly code: StopCode;

  constructor(code: StopCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether an error says that a deadline of {@link withDeadline} passed. */
export function isTimeout(error: unknown): boolean {
  return error instanceof StopError && error.code === "timeout";
}
