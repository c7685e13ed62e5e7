/**
 * `away`: the hub cannot be reached, or is busy; trying again may help. `refused`: it answered no (a wrong or used-up token,
 * a revoked cluster). `untrusted`: what answered does not have the CA the join token pins.
 */
export type HubErrorCode = "away" | "refused" | "untrusted" | "failed";

/** What went wrong between agent and hub; the message is the hub's own where it answered. */
export class HubError extends Error {
  override readonly name = "HubError";
  readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
