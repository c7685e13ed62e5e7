import type { FleetStand } from "../fleet-stand.ts";

/** One thing the fleet does in front of a user. `play` rejects when what it claims is not observed on the API servers. */
export interface JourneyStep {
  readonly title: string;
  /** What a user does, in a sentence. */
  readonly does: string;
  play(fleet: FleetStand, report: StepReport): Promise<void>;
}

/** What a step says while it plays. */
export interface StepReport {
  /** Something that was seen to be true. */
  observed(text: string, tookMs?: number): void;
  /** Shown as it is, e.g. what a command printed. */
  quote(text: string): void;
  /** The number a summary shows for the step. */
  headline(text: string): void;
}

/** For claims a step checks at once; waiting ones use `eventually`. */
export function claim(holds: boolean, text: string): asserts holds {
  if (!holds) throw new Error(`not true: ${text}`);
}

/** Milliseconds since 1970, with fractions. */
export function preciseNowMs(): number {
  return performance.timeOrigin + performance.now();
}
