import { JetStreamApiError, JetStreamError } from "@nats-io/jetstream";
import {
  AuthorizationError,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from "@nats-io/transport-node";
import { isTimeout } from "@axle/runtime/stop-error.ts";

/**
 * What can go wrong between the hub and NATS:
 * `unavailable` no connection, or the server cannot serve now: try again;
 * `timeout` no answer in time: what was asked may or may not have happened;
 * `conflict` the entry changed since it was read; `exists` it is there already;
 * `lease-lost` another leader took over: nothing of the batch was written;
 * `too-large` more than the server takes; `corrupt` what is stored is not what should be;
 * `no-jetstream` the server or the account has none, or one too old; `rejected` the server does not accept our credentials;
 * `bad-name` a key that cannot be a subject.
 */
export type StoreCode =
  | "unavailable"
  | "timeout"
  | "conflict"
  | "exists"
  | "lease-lost"
  | "too-large"
  | "corrupt"
  | "no-jetstream"
  | "rejected"
  | "bad-name";

const WRONG_LAST_SEQUENCE = new Set([10_071, 10_164]);
const TOO_LARGE = new Set([10_054, 10_047, 10_077, 10_199]);
const NO_JETSTREAM = new Set([10_039, 10_076]);

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreCode;

  constructor(code: StoreCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Any error as one of ours; `what` says what was being done. One that is ours already is passed on. */
  static from(error: unknown, what: string): StoreError {
    if (error instanceof StoreError) return error;
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    return new StoreError(code, `${what}: ${hintOf(code) ?? message}`, { cause: error });
  }
}

function codeOf(error: unknown): StoreCode {
  if (error instanceof JetStreamApiError) return codeOfApi(error);
  if (error instanceof Error && error.name === "JetStreamNotEnabled") return "no-jetstream";
  if (isTimeout(error) || error instanceof TimeoutError) return "timeout";
  if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) return "rejected";
  if (error instanceof PermissionViolationError) return "rejected";
  if (error instanceof NoRespondersError) return "unavailable";
  if (error instanceof RequestError || error instanceof JetStreamError) {
    return error.cause === undefined ? "unavailable" : codeOf(error.cause);
  }
  if (error instanceof Error && /max_payload|maximum payload/i.test(error.message)) return "too-large";
  return "unavailable";
}

function codeOfApi(error: JetStreamApiError): StoreCode {
  if (WRONG_LAST_SEQUENCE.has(error.code)) return "conflict";
  if (TOO_LARGE.has(error.code)) return "too-large";
  if (NO_JETSTREAM.has(error.code)) return "no-jetstream";
  return "unavailable";
}

function hintOf(code: StoreCode): string | undefined {
  if (code === "rejected") {
    return "the server rejected the hub's credentials; it must run in operator mode with the configuration that `axle nats-config` prints";
  }
  return undefined;
}
