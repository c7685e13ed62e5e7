import type { Backoff } from "@axle/runtime/backoff.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { Wake, WakeReason } from "./wake.ts";

export interface AgainOptions {
  readonly wake: Pick<Wake, "poke">;
  readonly reason: WakeReason;
  readonly backoff: Backoff;
  readonly now: () => number;
}

/** Wakes the loop again, ever later, for something that failed and may work next time although nobody says a word. */
export class Again {
  readonly #options: AgainOptions;
  #isDue = false;

  constructor(options: AgainOptions) {
    this.#options = options;
  }

  /** It failed; asked for once however often it is said. */
  failed(signal: AbortSignal): void {
    const { wake, reason, backoff, now } = this.#options;
    if (this.#isDue) return;
    this.#isDue = true;
    const poke = () => {
      this.#isDue = false;
      wake.poke(reason, now());
    };
    sleep(backoff.nextMs(), signal).then(poke, () => undefined);
  }

  worked(): void {
    this.#options.backoff.reset();
  }
}
