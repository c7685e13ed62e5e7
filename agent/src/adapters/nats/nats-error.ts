import { errors } from "@nats-io/transport-node";

/** `away`: no connection now. `timeout`: no answer in time. `denied`: the credentials do not allow it. */
export type NatsErrorCode = "away" | "timeout" | "denied" | "failed";

/** What went wrong at NATS. */
export class NatsError extends Error {
  override readonly name = "NatsError";
  readonly code: NatsErrorCode;

  constructor(code: NatsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Any error of the client as ours; `what` was being done. */
export function natsErrorFrom(error: unknown, what: string): NatsError {
  if (error instanceof NatsError) return error;
  return new NatsError(codeOf(error), `${what} failed`, { cause: error });
}

function codeOf(error: unknown): NatsErrorCode {
  if (error instanceof errors.TimeoutError) return "timeout";
  if (error instanceof errors.PermissionViolationError || error instanceof errors.AuthorizationError) return "denied";
  if (error instanceof errors.UserAuthenticationExpiredError) return "denied";
  if (error instanceof errors.RequestError) return error.isNoResponders() ? "away" : codeOf(error.cause);
  if (error instanceof errors.NoRespondersError) return "away";
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError) return "away";
  if (error instanceof errors.ConnectionError) return "away";
  return "failed";
}
