import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { AgentStep } from "@axle/core/status/report.ts";

/** Tells a step of a slice when the last of its apps took it, once for each slice number. */
export class StepTally {
  readonly #tell: (number: SliceNumber, step: AgentStep, atMs: number) => void;
  readonly #now: () => number;
  #number: SliceNumber | undefined;
  readonly #told = new Set<AgentStep>();
  readonly #took = new Map<AgentStep, Set<string>>();
  #apps = 0;

  constructor(tell: (number: SliceNumber, step: AgentStep, atMs: number) => void, now: () => number) {
    this.#tell = tell;
    this.#now = now;
  }

  begin(number: SliceNumber, apps: number): void {
    if (this.#number === undefined || compareNumbers(number, this.#number) !== 0) this.#told.clear();
    this.#number = number;
    this.#apps = apps;
    this.#took.clear();
    if (apps === 0) for (const step of ["dry-run", "applied", "healthy"] as const) this.#say(step);
  }

  took(app: string, step: AgentStep): void {
    const apps = this.#took.get(step) ?? new Set();
    this.#took.set(step, apps.add(app));
    if (apps.size === this.#apps) this.#say(step);
  }

  /** The whole cluster took a step. */
  done(step: AgentStep): void {
    this.#say(step);
  }

  #say(step: AgentStep): void {
    if (this.#number === undefined || this.#told.has(step)) return;
    this.#told.add(step);
    this.#tell(this.#number, step, this.#now());
  }
}
