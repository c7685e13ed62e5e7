import { errors } from "@nats-io/transport-node";
import { SourceError, type SourceErrorCode } from "../../source-error.ts";

/** Any error of the NATS client as ours; `what` was being done. */
export function sourceErrorFrom(error: unknown, what: string): SourceError {
  if (error instanceof SourceError) return error;
  return new SourceError(codeOf(error), `${what} failed`, { cause: error });
}

function codeOf(error: unknown): SourceErrorCode {
  if (error instanceof errors.TimeoutError) return "timeout";
  if (error instanceof errors.PermissionViolationError || error instanceof errors.AuthorizationError) return "denied";
  if (error instanceof errors.UserAuthenticationExpiredError) return "denied";
  if (error instanceof errors.RequestError) return error.isNoResponders() ? "away" : codeOf(error.cause);
  if (error instanceof errors.NoRespondersError) return "away";
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError) return "away";
  if (error instanceof errors.ConnectionError) return "away";
  return "failed";
}
