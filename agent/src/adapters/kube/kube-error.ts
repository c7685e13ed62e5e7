import { describeError } from "@axle/runtime/describe-error.ts";

/**
 * What an API server can say no with. `not-found`: the object; `kind-unknown`: its kind; `namespace-missing`: the
 * namespace it should stand in. `webhook-failed`: admission could not be asked (as opposed to `admission-denied`).
 * `internal`: the server's own fault (500). `response`: an answer that is no Kubernetes answer.
 */
export const KUBE_CODES = [
  "not-found",
  "kind-unknown",
  "namespace-missing",
  "namespace-terminating",
  "already-exists",
  "conflict",
  "invalid",
  "immutable",
  "forbidden",
  "unauthorized",
  "admission-denied",
  "webhook-failed",
  "too-many-requests",
  "too-large",
  "gone",
  "not-supported",
  "timeout",
  "unavailable",
  "internal",
  "response",
  "credentials",
  "aborted",
] as const;
export type KubeCode = (typeof KUBE_CODES)[number];

/** Worth another try with the same request: time or the server's recovery can help. */
const TRANSIENT: ReadonlySet<KubeCode> = new Set<KubeCode>([
  "conflict",
  "webhook-failed",
  "too-many-requests",
  "timeout",
  "unavailable",
  "internal",
  "namespace-terminating",
]);

/** We are not let in: says nothing about the object of the request. */
const SHUT_OUT: ReadonlySet<KubeCode> = new Set<KubeCode>(["unauthorized", "credentials"]);
/** So is no answer at all; an answer with one of these is about the kind that was asked for (an aggregated API, a webhook). */
const UNANSWERED: ReadonlySet<KubeCode> = new Set<KubeCode>(["unavailable", "timeout"]);

export interface KubeErrorOptions extends ErrorOptions {
  /** HTTP status; 0 when there was no answer. */
  readonly status?: number;
  /** What the server asked to wait before another try (Retry-After). */
  readonly retryAfterMs?: number;
}

/** Everything that goes wrong between us and an API server. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly code: KubeCode;
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(code: KubeCode, message: string, options: KubeErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status ?? 0;
    this.retryAfterMs = options.retryAfterMs;
  }

  get isTransient(): boolean {
    return TRANSIENT.has(this.code);
  }

  get isServerAway(): boolean {
    return SHUT_OUT.has(this.code) || (this.status === 0 && UNANSWERED.has(this.code));
  }

  /** Total: whatever was thrown becomes a KubeError. */
  static from(error: unknown): KubeError {
    if (error instanceof KubeError) return error;
    const message = describeError(error);
    if (!(error instanceof Error)) return new KubeError("internal", message, { cause: error });
    if (error.name === "AbortError") return new KubeError("aborted", message, { cause: error });
    if (error.name === "TimeoutError" || codeOf(error) === "timeout") {
      return new KubeError("timeout", message, { cause: error });
    }
    if (error instanceof SyntaxError) return new KubeError("response", `not JSON: ${message}`, { cause: error });
    if (typeof codeOf(error) === "string") {
      return new KubeError("unavailable", `cannot reach the API server: ${message}`, { cause: error });
    }
    return new KubeError("internal", message, { cause: error });
  }
}

/** The parts of a `Status` answer that decide. */
interface StatusAnswer {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly kind?: string;
    readonly name?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** An HTTP answer of 400 and above as an error. `body` is the text of the answer, a Status object or anything else. */
export function errorOfAnswer(status: number, body: string, retryAfter?: string): KubeError {
  const answer = parseStatus(body);
  const message = answer.message ?? (body.trim().slice(0, 500) || `HTTP status ${status}`);
  const seconds = Number(retryAfter ?? answer.details?.retryAfterSeconds);
  const wait = Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {};
  return new KubeError(codeOfAnswer(status, answer, message), message, { status, ...wait });
}

function codeOfAnswer(status: number, answer: StatusAnswer, message: string): KubeCode {
  if (/admission webhook .* denied the request|ValidatingAdmissionPolicy .* denied request/.test(message)) {
    return "admission-denied";
  }
  if (/request is too large|Request entity too large/i.test(message)) return "too-large";
  if (/failed calling webhook|conversion webhook .* failed/.test(message)) return "webhook-failed";
  switch (status) {
    case 400:
      return "invalid";
    case 401:
      return "unauthorized";
    case 403:
      return isTerminating(answer, message) ? "namespace-terminating" : "forbidden";
    case 404:
      return codeOfNotFound(answer);
    case 405:
    case 406:
    case 415:
      return "not-supported";
    case 409:
      return answer.reason === "AlreadyExists" ? "already-exists" : "conflict";
    case 410:
      return "gone";
    case 413:
      return "too-large";
    case 422:
      return isImmutable(answer, message) ? "immutable" : "invalid";
    case 429:
      return "too-many-requests";
    case 504:
      return "timeout";
    default:
      if (answer.reason === "Timeout" || answer.reason === "ServerTimeout") return "timeout";
      if (status === 502 || status === 503) return "unavailable";
      return status >= 500 ? "internal" : "invalid";
  }
}

function codeOfNotFound(answer: StatusAnswer): KubeCode {
  const { kind, name } = answer.details ?? {};
  if (kind === "namespaces" && name !== undefined) return "namespace-missing";
  return name === undefined || name === "" ? "kind-unknown" : "not-found";
}

function isTerminating(answer: StatusAnswer, message: string): boolean {
  return (
    answer.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating") === true ||
    message.includes("because it is being terminated")
  );
}

/** Not every kind calls it by its name. */
const IMMUTABLE =
  /immutable|updates to statefulset spec for fields other than|pod updates may not change fields other than|cannot change roleRef|updates to \w+ are forbidden|may not be changed in an update/;

function isImmutable(answer: StatusAnswer, message: string): boolean {
  const causes = answer.details?.causes?.map((cause) => cause.message ?? "") ?? [];
  return [message, ...causes].some((text) => IMMUTABLE.test(text));
}

function parseStatus(body: string): StatusAnswer {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function codeOf(error: Error): unknown {
  return "code" in error ? error.code : undefined;
}
