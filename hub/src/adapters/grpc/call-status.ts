import { Metadata, status } from "@grpc/grpc-js";
import type { StatusObject } from "@grpc/grpc-js";
import type { CloseCode } from "@axle/core/session/hub-session.ts";
import type { CallCode, CallError } from "../../api/call-error.ts";

const STATUS_OF_CALL = {
  "invalid-argument": status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  "permission-denied": status.PERMISSION_DENIED,
  "not-found": status.NOT_FOUND,
  "already-exists": status.ALREADY_EXISTS,
  "failed-precondition": status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
} as const satisfies Record<CallCode, status>;

const STATUS_OF_CLOSE = {
  protocol: status.INVALID_ARGUMENT,
  resend: status.ABORTED,
  silent: status.DEADLINE_EXCEEDED,
  superseded: status.ABORTED,
  refused: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
} as const satisfies Record<CloseCode, status>;

export function statusOfError(error: CallError): StatusObject {
  return { code: STATUS_OF_CALL[error.code], details: error.message, metadata: new Metadata() };
}

export function statusOfClose(code: CloseCode, reason: string): StatusObject {
  return { code: STATUS_OF_CLOSE[code], details: reason, metadata: new Metadata() };
}
