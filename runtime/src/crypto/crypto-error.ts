/** `bad-key`: not a key of the right length or kind. `not-authentic`: altered, for another context, or another key's. */
export type CryptoCode = "bad-key" | "not-authentic";

export class CryptoError extends Error {
  override readonly name = "CryptoError";
  readonly code: CryptoCode;

  constructor(code: CryptoCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
