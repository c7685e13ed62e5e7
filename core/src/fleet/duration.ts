const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** Milliseconds of `90s`, `5m`, `1h30m`; undefined for anything else, for nothing, and beyond a week. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [match[1], match[2], match[3]].map((part) => Number(part ?? 0));
  const durationMs = ((hours as number) * 3600 + (minutes as number) * 60 + (seconds as number)) * 1000;
  return durationMs > 0 && durationMs <= 7 * 24 * 3600 * 1000 ? durationMs : undefined;
}
