/**
 * Why an agent cannot join and trying again will not help. `no-token`: not joined yet, and no token given. `bad-token`: it is
 * damaged. `refused`: the hub said no; the message is the hub's.
 */
export type JoinErrorCode = "no-token" | "bad-token" | "refused";

export class JoinError extends Error {
  override readonly name = "JoinError";
  readonly code: JoinErrorCode;

  constructor(code: JoinErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
