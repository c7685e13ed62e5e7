import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AppReport } from "@axle/core/status/report.ts";

/** The parts of an agent at work that its vital signs are read from. */
export interface VitalParts {
  readonly agent: { readonly accepted: SliceNumber | undefined; readonly current: SliceNumber | undefined };
  readonly source: { readonly isConnected: boolean };
  readonly session: { readonly isLive: boolean };
  readonly book: { readonly reports: readonly AppReport[]; readonly isApplied: boolean };
}

/** What can be told of the agent from outside, whether it leads or stands by. */
export class Vitals {
  #work: VitalParts | undefined;

  begin(work: VitalParts): void {
    this.#work = work;
  }

  end(): void {
    this.#work = undefined;
  }

  /** Undefined while another agent leads, or this one is not joined yet. */
  get work(): VitalParts | undefined {
    return this.#work;
  }
}
