/** A value as helm reads it from arguments that are lists separated by commas. */
export function csv(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
