const COLOURS: Readonly<Record<string, number>> = { debug: 90, info: 32, warn: 33, error: 31 };
const HIDDEN = new Set(["level", "time", "msg", "component"]);

/**
 * A JSON log line as people read it: `12:03:11.204 warn  nats  connection lost  server=… error="…"`. Text that is no log
 * line is passed on as it stands. Ends with a line break.
 */
export function formatLogLine(line: string, isColoured: boolean): string {
  const record = parseRecord(line);
  if (record === undefined) return line;
  const level = textOf(record["level"]);
  const time = textOf(record["time"]).slice(11, 23);
  const component = record["component"] === undefined ? "" : `${textOf(record["component"])}  `;
  const fields = Object.entries(record)
    .filter(([name]) => !HIDDEN.has(name))
    .map(([name, value]) => `${name}=${formatField(value)}`);
  const head = `${time} ${paint(level.padEnd(5), isColoured ? COLOURS[level] : undefined)} `;
  return `${head}${component}${[textOf(record["msg"]), ...fields].join("  ")}\n`;
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function formatField(value: unknown): string {
  if (typeof value === "object" && value !== null && "message" in value && "type" in value) {
    const code = "code" in value ? ` (${textOf(value.code)})` : "";
    return JSON.stringify(`${textOf(value.message)}${code}`);
  }
  if (typeof value === "string") return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

function paint(text: string, colour: number | undefined): string {
  return colour === undefined ? text : `\u001B[${colour}m${text}\u001B[0m`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}
