/** Why the hub says no to a call, whatever it came over; adapters turn the code into their own status. */
export type CallCode =
  | "invalid-argument"
  | "unauthenticated"
  | "permission-denied"
  | "not-found"
  | "already-exists"
  | "failed-precondition"
  | "aborted"
  | "unavailable"
  | "internal";

/** The message is for the caller: what was wrong and what to do, never a secret. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: CallCode;

  constructor(code: CallCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Any error as one that may be shown: what we did not foresee is told to the log only. */
  static from(error: unknown): CallError {
    if (error instanceof CallError) return error;
    return new CallError("internal", "the hub failed to do this; its log says why", { cause: error });
  }
}
