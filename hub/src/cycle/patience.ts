import { sleep } from "@axle/runtime/sleep.ts";

/**
 * Waits for all of these, as long as one of them ends at least every `patienceMs`; then it resolves, whatever is left.
 * Rejects with the first that rejects, and with the signal's reason.
 */
export async function waitWhileWorking(
  pending: readonly Promise<unknown>[],
  patienceMs: number,
  signal: AbortSignal,
): Promise<void> {
  let endedAtMs = performance.now();
  const noteEnd = (): void => {
    endedAtMs = performance.now();
  };
  const all = Promise.all(pending.map((promise) => promise.then(noteEnd))).then(() => true);
  for (;;) {
    const restMs = endedAtMs + patienceMs - performance.now();
    const waited = new AbortController();
    const late = sleep(Math.max(restMs, 0), AbortSignal.any([signal, waited.signal])).then(
      () => false,
      () => false,
    );
    const isDone = await Promise.race([all, late]);
    waited.abort();
    signal.throwIfAborted();
    if (isDone || restMs <= 0) return;
  }
}
