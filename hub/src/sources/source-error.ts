export type SourceErrorCode =
  /** Nobody answers, or not in time; may be over next time. */
  | "unreachable"
  /** The credentials of the hub's configuration are missing or refused. */
  | "unauthorized"
  /** The server answers, and has no such repository, ref, chart or version. */
  | "not-found"
  /** What is served is not what was locked or remembered. */
  | "digest-changed"
  /** Paths or links that leave the archive, or a file that is no archive. */
  | "unsafe"
  | "too-large"
  /** An address or feature that is not read. */
  | "unsupported";

/** A source outside the followed commit that cannot be had. Holds only the apps that read it. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: SourceErrorCode;

  constructor(code: SourceErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether asking again may help although nothing changed. */
  get mayPass(): boolean {
    return this.code === "unreachable" || this.code === "unauthorized";
  }
}
