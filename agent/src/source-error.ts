/** `away`: not connected now; a ring will say when. `timeout`: no answer in time. `denied`: the credentials do not allow it. */
export type SourceErrorCode = "away" | "timeout" | "denied" | "failed";

/** Slices or packs cannot be read now; says nothing about them. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: SourceErrorCode;

  constructor(code: SourceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
