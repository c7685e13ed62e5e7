import { setTimeout as delay } from "node:timers/promises";
import { TestkitError } from "./testkit-error.ts";

export interface EventuallyOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** Between two looks; default 20 ms. */
  readonly intervalMs?: number;
  /** What is waited for, for the message. */
  readonly what?: string;
  readonly signal?: AbortSignal;
}

/**
 * Looks again and again until `check` neither throws nor says `false`, and gives what it returned.
 * @throws TestkitError `condition-not-met` after the timeout, with the last failure as message and cause
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown = "it was still false";
    try {
      const answer = await check();
      if (answer !== false) return answer as Exclude<T, false>;
    } catch (error) {
      failure = error;
    }
    options.signal?.throwIfAborted();
    if (performance.now() >= deadline) {
      const said = failure instanceof Error ? failure.message : String(failure);
      const message = `${options.what ?? "the condition"} did not hold within ${timeoutMs} ms: ${said}`;
      throw new TestkitError("condition-not-met", message, { cause: failure });
    }
    await delay(options.intervalMs ?? 20, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}
