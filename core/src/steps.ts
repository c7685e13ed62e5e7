/**
 * Work that stops now and then, so that a caller with other things to do can do them in between: whoever drives it decides
 * when to go on. What it gives does not depend on that.
 */
export type Steps<Result> = Generator<undefined, Result>;

/** All of it at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
