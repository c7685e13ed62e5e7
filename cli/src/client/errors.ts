import { status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { CliError } from "../cli-error.ts";
import type { CliErrorCode } from "../cli-error.ts";

const CODES: Readonly<Partial<Record<status, CliErrorCode>>> = {
  [status.UNAVAILABLE]: "hub-unreachable",
  [status.DEADLINE_EXCEEDED]: "hub-unreachable",
  [status.UNAUTHENTICATED]: "denied",
  [status.PERMISSION_DENIED]: "denied",
  [status.NOT_FOUND]: "not-found",
  [status.INVALID_ARGUMENT]: "usage",
  [status.OUT_OF_RANGE]: "usage",
  [status.FAILED_PRECONDITION]: "conflict",
  [status.ABORTED]: "conflict",
  [status.ALREADY_EXISTS]: "conflict",
  [status.CANCELLED]: "interrupted",
};

/** What went wrong with a call, in a user's words. Total: anything that is thrown comes out as a CliError. */
export function callErrorFrom(thrown: unknown, address: string): CliError {
  if (thrown instanceof CliError) return thrown;
  if (!isServiceError(thrown)) {
    return new CliError("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
  }
  const code = CODES[thrown.code] ?? "internal";
  if (code === "hub-unreachable") {
    return new CliError(code, `cannot reach the hub at ${address}: ${reasonOf(thrown)}`, {
      remedy: "see that the hub runs there and that this machine may connect to it; --hub FILE names another hub",
      cause: thrown,
    });
  }
  if (code === "denied") {
    return new CliError(code, `the hub at ${address} does not allow this: ${thrown.details}`, {
      remedy: "copy client.json again from the hub's data folder, its token may have changed",
      cause: thrown,
    });
  }
  return new CliError(code, thrown.details === "" ? thrown.message : thrown.details, { cause: thrown });
}

function reasonOf(error: ServiceError): string {
  if (error.code === status.DEADLINE_EXCEEDED) return "it did not answer in time";
  const { details } = error;
  if (details.includes("ECONNREFUSED")) return "nothing listens there";
  if (details.includes("ENOTFOUND")) return "no such host";
  if (/certificate|self.signed|SSL|TLS/i.test(details)) {
    return "its certificate is not from the CA in client.json (is it another hub, or one that was set up anew?)";
  }
  return details;
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "number" && "details" in thrown;
}
