/** One HTTP call of the hub to a server it was configured for. Redirects are not followed: the answer says where to. */
export interface HttpAsk {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Trusted instead of the machine's certificate authorities. */
  readonly caPem: string | undefined;
  /** A longer body is an error. */
  readonly maxBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Throws HttpError when there is no answer, or too long a one. */
export type AskHttp = (ask: HttpAsk, signal: AbortSignal) => Promise<HttpAnswer>;

export type HttpErrorCode = "unreachable" | "certificate" | "timeout" | "too-large" | "forbidden";

/** A call without an answer. The message names the host and why; never headers. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
