/** What was found where something else was expected, in words: `the number 3`, `a list`, `nothing`. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "an empty value";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return value === "" ? "an empty text" : `the text "${shorten(value)}"`;
  return typeof value === "boolean" ? `the boolean ${value}` : `the number ${value as number}`;
}

function shorten(text: string): string {
  const line = text.split("\n", 1)[0] as string;
  return line.length > 60 || line.length < text.length ? `${line.slice(0, 60)}…` : line;
}
