import { status } from "@grpc/grpc-js";
import { HubError, type HubErrorCode } from "../../hub-error.ts";

const CODES: Readonly<Partial<Record<number, HubErrorCode>>> = {
  [status.UNAVAILABLE]: "away",
  [status.DEADLINE_EXCEEDED]: "away",
  [status.RESOURCE_EXHAUSTED]: "away",
  [status.ABORTED]: "away",
  [status.INTERNAL]: "away",
  [status.INVALID_ARGUMENT]: "refused",
  [status.UNAUTHENTICATED]: "refused",
  [status.PERMISSION_DENIED]: "refused",
  [status.FAILED_PRECONDITION]: "refused",
  [status.ALREADY_EXISTS]: "refused",
  [status.NOT_FOUND]: "refused",
};

/** Any error of a call as ours; `what` was being done. */
export function hubErrorFrom(error: unknown, what: string): HubError {
  if (error instanceof HubError) return error;
  const { code, details } = error as { readonly code?: unknown; readonly details?: unknown };
  const text = typeof details === "string" && details !== "" ? details : error instanceof Error ? error.message : "";
  const said = text.replace(/\.? Resolution note:.*$/s, "");
  const reason = certificateProblem(said);
  if (reason !== undefined) {
    return new HubError("untrusted", `${what} failed: ${reason}: ${said}`, { cause: error });
  }
  const known = typeof code === "number" ? CODES[code] : undefined;
  return new HubError(known ?? "failed", `${what} failed: ${said || "no reason given"}`, { cause: error });
}

/** grpc-js hides the TLS error in the text of an UNAVAILABLE. */
function certificateProblem(text: string): string | undefined {
  if (/certificate (has expired|is not yet valid)/i.test(text)) {
    return "the hub's certificate is not valid at this time, if the clocks of this machine and the hub's are right";
  }
  if (/self[- ]signed certificate|unable to (get|verify)|certificate signature|altnames/i.test(text)) {
    return "the hub's certificate does not lead to the CA this agent trusts, or is for another address";
  }
  return undefined;
}
