/** How long each ref of ours was not used, by its name; those in use are not in it. */
export type UnusedMs = Readonly<Record<string, number>>;

export interface UnusedInput {
  /** Objects by ref. */
  readonly refs: ReadonlyMap<string, string>;
  /** Objects in use. */
  readonly used: ReadonlySet<string>;
  readonly before: UnusedMs;
  /** Time that passed since `before` in which the hub would have used what it needs: not that in which it did not run. */
  readonly passedMs: number;
  readonly keepMs: number;
}

/**
 * Which refs were unused long enough to go, and how long the others were. Only time in which the hub worked counts, so that
 * nothing goes because the hub was away, and a restart begins nothing anew.
 */
export function planUnused({ refs, used, before, passedMs, keepMs }: UnusedInput): {
  readonly unusedMs: UnusedMs;
  readonly dropped: readonly string[];
} {
  const ages = [...refs].flatMap(([ref, object]): readonly (readonly [string, number])[] => {
    if (used.has(object)) return [];
    const age = before[ref];
    return [[ref, age === undefined ? 0 : age + passedMs]];
  });
  return {
    unusedMs: Object.fromEntries(ages.filter(([, ms]) => ms < keepMs)),
    dropped: ages.filter(([, ms]) => ms >= keepMs).map(([ref]) => ref),
  };
}
