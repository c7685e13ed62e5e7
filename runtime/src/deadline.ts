import { StopError } from "./stop-error.ts";

export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** Ends the work earlier. */
  readonly signal?: AbortSignal | undefined;
  /** What is being done, for the error: `read slice`. */
  readonly what?: string;
}

/**
 * Runs `work` with a signal that aborts when the given one does or when the time is up; the reason is then a
 * {@link StopError} with code `timeout`. Leaves nothing behind on a long-lived signal, as AbortSignal.any would.
 */
export async function withDeadline<T>(options: DeadlineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, signal, what = "work" } = options;
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => controller.abort(new StopError("timeout", `${what} took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Settles as the promise does, or rejects with the signal's reason as soon as it aborts: for APIs that take no signal. */
export function race<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(reasonOf(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = () => signal.removeEventListener("abort", onAbort);
    promise.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

/** The signal's reason as an error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new StopError("signal", "stopped", { cause: reason });
}
