import { race } from "./deadline.ts";
import type { Service } from "./service.ts";

/**
 * Starts a service before the others are even built, because building them needs it (a server that is connected to).
 * What comes back takes its place among the services that run until stopped: it stops with them, and breaks with them.
 * `guard` ends waiting for something that will never come because the service broke.
 */
export function runEarly(service: Service): Service & { guard<T>(work: Promise<T>): Promise<T> } {
  const stop = new AbortController();
  const broken = new AbortController();
  const running = service.run(stop.signal).then(
    () => undefined,
    (error: unknown) => {
      broken.abort(error);
      throw error;
    },
  );
  // Whoever runs the service hears of it; until then it is no unhandled rejection.
  running.catch(() => undefined);
  return {
    name: service.name,
    guard: (work) => race(work, broken.signal),
    async run(signal) {
      const onStop = () => stop.abort(signal.reason);
      if (signal.aborted) onStop();
      signal.addEventListener("abort", onStop, { once: true });
      await running;
    },
  };
}
