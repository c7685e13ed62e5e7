/**
 * Runs things at once under one signal: the first that fails stops the others, and its error is thrown when all have
 * ended, so that nothing goes on behind the caller's back. The outer signal stops them too.
 */
export async function stopTogether<T>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => readonly Promise<T>[],
): Promise<readonly T[]> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const running = start(controller.signal);
    for (const run of running) run.catch((error: unknown) => controller.abort(error));
    const ended = await Promise.allSettled(running);
    controller.signal.throwIfAborted();
    return ended.flatMap((run) => (run.status === "fulfilled" ? [run.value] : []));
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
