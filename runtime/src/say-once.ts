import { describeError } from "./describe-error.ts";
import type { Logger } from "./logger.ts";

/** Logs a failure that repeats once, then again only when it changes or is over: a server that is away for an hour is two lines. */
export class SayOnce {
  readonly #log: Logger;
  #said: string | undefined;
  #times = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  failed(error: unknown, message: string): void {
    this.#times += 1;
    const key = `${message}\n${describeError(error)}`;
    if (key === this.#said) return;
    this.#said = key;
    this.#log.warn({ error }, message);
  }

  /** Says so only when something had failed. */
  recovered(message: string): void {
    if (this.#said !== undefined) this.#log.info({ failures: this.#times }, message);
    this.#said = undefined;
    this.#times = 0;
  }
}
