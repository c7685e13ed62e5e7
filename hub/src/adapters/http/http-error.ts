import { CallError } from "../../api/call-error.ts";
import type { CallCode } from "../../api/call-error.ts";

const STATUS_OF_CALL = {
  "invalid-argument": 400,
  unauthenticated: 401,
  "permission-denied": 403,
  "not-found": 404,
  "already-exists": 409,
  "failed-precondition": 409,
  aborted: 409,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<CallCode, number>;

/** An answer that is not what was asked for; the message is for the caller. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  /** What kind of no it is, for programs. */
  readonly code: string;

  constructor(status: number, message: string, options?: ErrorOptions & { code?: string }) {
    super(message, options);
    this.status = status;
    this.code = options?.code ?? "http";
  }

  /** Any error as an answer; what we did not foresee is told to the log only. */
  static from(error: unknown): HttpError {
    if (error instanceof HttpError) return error;
    const call = CallError.from(error);
    return new HttpError(STATUS_OF_CALL[call.code], call.message, { cause: error, code: call.code });
  }
}
