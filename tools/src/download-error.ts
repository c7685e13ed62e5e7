export type DownloadErrorCode = "unreachable" | "refused" | "cut-off" | "bad-checksum" | "bad-archive";

/** A release file could not be had from where it is published. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  readonly code: DownloadErrorCode;

  constructor(code: DownloadErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }

  /** Gives any failure of a request its place: nobody there, or gone in the middle. */
  static from(error: unknown, code: "unreachable" | "cut-off", url: string): DownloadError {
    if (error instanceof DownloadError) return error;
    const said = error instanceof Error ? rootMessage(error) : String(error);
    return new DownloadError(code, `${url}: ${said}`, { cause: error });
  }
}

/** `fetch` says no more than "fetch failed"; what happened is in the cause. */
function rootMessage(error: Error): string {
  if (error.cause instanceof AggregateError) return error.cause.errors.map(String).join("; ");
  return error.cause instanceof Error ? rootMessage(error.cause) : error.message;
}
