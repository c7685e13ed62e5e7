/**
 * `refused`: the server would not take objects of the app. `owned-by-other`: an object belongs to somebody else.
 * `duplicate`: two apps of the slice declare it. `not-established`: a CRD did not become usable in time.
 * `setup`: our own kinds could not be installed.
 */
export type ReconcileCode = "refused" | "owned-by-other" | "duplicate" | "not-established" | "setup";

/** Why an app, or the whole pass, could not go on. */
export class ReconcileError extends Error {
  override readonly name = "ReconcileError";
  readonly code: ReconcileCode;

  constructor(code: ReconcileCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
