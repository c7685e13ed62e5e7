/**
 * Something that lives as long as the process. Constructors start nothing; `run` does the work, resolves when it was
 * stopped by the signal, and rejects when it is broken for good (what can be retried, it retries itself).
 */
export interface Service {
  /** For logs and errors, e.g. `nats-server`. */
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** A service out of a function. */
export function serviceOf(name: string, run: (signal: AbortSignal) => Promise<void>): Service {
  return { name, run };
}
