import type { HubStep } from "@axle/core/status/report.ts";

/** Stamps a commit's steps on the hub's clock; a step that happens again keeps its first time. */
export class StepClock {
  readonly #now: () => number;
  readonly #steps: Partial<Record<HubStep, number>> = {};

  constructor(now: () => number) {
    this.#now = now;
  }

  mark(step: HubStep, atMs = this.#now()): void {
    this.#steps[step] ??= atMs;
  }

  get steps(): Readonly<Record<string, number>> {
    return { ...this.#steps };
  }
}
