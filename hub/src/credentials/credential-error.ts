export type CredentialErrorCode =
  /** The file of credentials does not say what it should. */
  | "bad-file"
  /** A file that is named cannot be read. */
  | "unreadable"
  /** A secret that others on the machine can read. */
  | "permissions"
  /** No key, or one with a passphrase nobody is there to type. */
  | "bad-key"
  /** GitHub does not give a token for the app. */
  | "refused"
  /** GitHub does not answer. */
  | "unreachable";

/** The hub's credentials cannot be used. The message names the file and the field, and never holds what stands there. */
export class CredentialError extends Error {
  override readonly name = "CredentialError";
  readonly code: CredentialErrorCode;

  constructor(code: CredentialErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
