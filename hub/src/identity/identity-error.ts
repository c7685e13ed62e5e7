/**
 * `permissions`: a key others can read. `unreadable`: a key that cannot be read or is no key. `not-writable`: the folder
 * takes no new key. `bad-request`: a certificate request that is not acceptable. `bad-certificate`: not one of ours.
 */
export type IdentityCode = "permissions" | "unreadable" | "not-writable" | "bad-request" | "bad-certificate";

export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly code: IdentityCode;

  constructor(code: IdentityCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
