const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** `3d4h`, `5m`, `12s`, `now`: at most two units, as precise as a person wants. */
export function formatAge(ms: number): string {
  for (const [index, [unit, size]] of UNITS.entries()) {
    if (ms < size) continue;
    const whole = Math.floor(ms / size);
    const next = UNITS[index + 1];
    const rest = next === undefined || whole >= 10 ? 0 : Math.floor((ms % size) / next[1]);
    return rest === 0 || next === undefined ? `${whole}${unit}` : `${whole}${unit}${rest}${next[0]}`;
  }
  return "now";
}

/** `184 ms`, `2.31 s`, `1m 5s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${Math.floor(ms / 60_000)}m ${Math.round((ms % 60_000) / 1_000)}s`;
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const SIZES: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `15m`, `24h`, `7d` in milliseconds; undefined when it is not of that form. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  return amount === undefined || unit === undefined ? undefined : Number(amount) * (SIZES[unit] ?? 0);
}
