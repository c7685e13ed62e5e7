import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import { SourceError } from "../../sources/source-error.ts";

/** A packaged chart in an index. */
export interface IndexEntry {
  readonly version: string;
  /** As written: absolute, or relative to the index. */
  readonly urls: readonly string[];
  /** SHA-256 of the package in hex, where the index says it. */
  readonly digest: string | undefined;
}

/** An index in one line, or in flow style, is read whole up to this. */
const MAX_WHOLE_CHARACTERS = 4 * 1024 * 1024;

/**
 * All versions of one chart in the text of an `index.yaml`; undefined when it does not name the chart. The largest indexes
 * have 30 MB, and reading one as YAML takes ten seconds: in the form that Helm writes them, only the chart's own lines are
 * read. Throws SourceError: `unsafe` for what is no index, `too-large`.
 */
export function readIndexEntries(text: string, chart: string): readonly IndexEntry[] | undefined {
  try {
    const lines = linesOfChart(text, chart);
    if (lines !== undefined) return lines === "" ? undefined : entriesOf(parseYaml(lines)[0]?.value, chart);
    if (text.length > MAX_WHOLE_CHARACTERS) {
      const message = `the index has ${text.length} characters in a form other than Helm's own; write it with helm repo index`;
      throw new SourceError("too-large", message);
    }
    const [document] = parseYaml(text);
    const entries = fieldOf(document?.value, "entries");
    if (entries === undefined) throw new SourceError("unsafe", "the index is no index of charts: it has no entries");
    return entriesOf(entries, chart);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new SourceError("unsafe", `the index cannot be read: ${error.message}`, { cause: error });
  }
}

/**
 * The lines of one member of the mapping `entries`, with its key and without its indentation; "" when it has none of that
 * name, undefined when the text is in another form. Whatever stands in a value is indented deeper than the member's key.
 */
function linesOfChart(text: string, chart: string): string | undefined {
  const start = /^entries:[ \t]*(#.*)?\r?\n/m.exec(text);
  if (start === null) return undefined;
  let from = start.index + start[0].length;
  const indent = /^ +/.exec(text.slice(from, from + 100))?.[0];
  if (indent === undefined) return undefined;
  const keys = [chart, `"${chart}"`, `'${chart}'`].map((key) => `${indent}${key}:`);
  const found: string[] = [];
  let isOurs = false;
  while (from < text.length) {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    // A line that is less deep ends the mapping; a list may be as deep as the key it belongs to.
    if (!text.startsWith(indent, from)) {
      if (text.slice(from, end).trim() !== "" && text[from] !== "#") break;
    } else if (!/^(?: |#|-[ \r\n])/.test(text.slice(from + indent.length, from + indent.length + 2))) {
      isOurs = keys.some((key) => text.startsWith(key, from) && /^[\s#]*$/.test(text[from + key.length] ?? "\n"));
      if (!isOurs && found.length > 0) break;
    }
    if (isOurs) found.push(text.slice(from + indent.length, end));
    from = end + 1;
  }
  return found.length === 0 ? "" : `${found.join("\n")}\n`;
}

function entriesOf(entries: unknown, chart: string): readonly IndexEntry[] | undefined {
  const versions = fieldOf(entries, chart);
  if (versions === undefined) return undefined;
  if (!Array.isArray(versions)) throw new SourceError("unsafe", `the index says no versions of ${chart}`);
  return versions.flatMap((entry: unknown): IndexEntry[] => {
    const version = fieldOf(entry, "version");
    if (typeof version !== "string") return [];
    const urls = fieldOf(entry, "urls");
    const digest = fieldOf(entry, "digest");
    return [
      {
        version,
        urls: Array.isArray(urls) ? urls.filter((url) => typeof url === "string") : [],
        digest: typeof digest === "string" && digest !== "" ? digest.replace(/^sha256:/, "").toLowerCase() : undefined,
      },
    ];
  });
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
