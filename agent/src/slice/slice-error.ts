/**
 * Why a slice was refused. `bad-format`: not a slice, or of a format this agent does not read. `unreadable`: signed, but not
 * sealed to this cluster's key. `unsigned`: the signature is not of the key it names. `untrusted-key`: no such key in the
 * trusted set, or a set that the root key did not sign.
 */
export type SliceErrorCode =
  | "bad-format"
  | "other-cluster"
  | "untrusted-key"
  | "unsigned"
  | "older"
  | "unreadable"
  | "too-large"
  | "missing-pack"
  | "corrupt-pack";

/** A slice, pack or key set this agent will not act on. The message reaches the hub as the report's refusal: no secrets in it. */
export class SliceError extends Error {
  override readonly name = "SliceError";
  readonly code: SliceErrorCode;

  constructor(code: SliceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
