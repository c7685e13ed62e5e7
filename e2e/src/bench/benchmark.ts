/** What a figure is meant to be; `least` is 0 where it is not given. */
export interface Goal {
  readonly least?: number;
  readonly most: number;
}

/** One number, or a few of a kind, that a benchmark measured. */
export interface Figure {
  readonly label: string;
  readonly unit: "ms" | "MB" | "count" | "1/s" | "millicores";
  /** The one value, or the median of many. */
  readonly value: number;
  readonly p90?: number;
  readonly max?: number;
  /** How many measurements stand behind it. */
  readonly samples?: number;
  /** Of `value`. */
  readonly goal?: Goal;
}

/** What `npm run bench` runs and prints. */
export interface Benchmark {
  readonly name: string;
  readonly about: string;
  run(progress: (text: string) => void): Promise<readonly Figure[]>;
}

/** Many measurements as one figure. */
export function summarise(label: string, unit: Figure["unit"], samples: readonly number[]): Figure {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    label,
    unit,
    value: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    max: sorted.at(-1) ?? 0,
    samples: sorted.length,
  };
}

/** Undefined where there is no goal. */
export function isMet({ value, goal }: Figure): boolean | undefined {
  return goal === undefined ? undefined : value >= (goal.least ?? 0) && value <= goal.most;
}

/** Nearest rank, so that every number printed is one that was measured. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
