/**
 * `not-gone`: what has to be deleted before the app is applied was still there in the end. `refused`: the server would not take objects of the app. `owned-by-other`: an object belongs to somebody else.
 * `duplicate`: two apps of the slice declare it. `not-established`: a CRD did not become usable in time.
 * `paused`: a person stopped the app in the cluster. `setup`: our own kinds could not be installed. `hook-failed`: a hook of the app did not succeed. `not-healthy`: a wave
 * was not healthy in time, so the next did not begin.
 */
export type ReconcileCode =
  | "refused"
  | "owned-by-other"
  | "duplicate"
  | "not-established"
  | "paused"
  | "setup"
  | "hook-failed"
  | "not-healthy"
  | "not-gone";

/** Why an app, or the whole pass, could not go on. */
export class ReconcileError extends Error {
  override readonly name = "ReconcileError";
  readonly code: ReconcileCode;

  constructor(code: ReconcileCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
