import { setImmediate } from "node:timers/promises";

/** Long enough to get on, short enough that a heartbeat beside it is not late. */
const DEFAULT_TURN_MS = 10;

/**
 * Drives work that stops now and then, leaving the event loop to others after each `turnMs` of it. Rejects with the
 * signal's reason when that is aborted meanwhile.
 */
export async function runInSteps<Result>(
  steps: Generator<undefined, Result>,
  signal: AbortSignal,
  turnMs = DEFAULT_TURN_MS,
): Promise<Result> {
  let startedMs = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - startedMs < turnMs) continue;
    await setImmediate();
    signal.throwIfAborted();
    startedMs = performance.now();
  }
}
