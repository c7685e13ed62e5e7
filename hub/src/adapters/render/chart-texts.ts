import type { Snapshot } from "../../ports.ts";
import { SnapshotIndex } from "./snapshot-index.ts";

export interface ChartTexts {
  /** Templates, values and metadata, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Charts packed as archives, whose templates cannot be looked into here. */
  readonly archives: readonly string[];
}

/** Larger files are data, not templates. */
const MAX_TEMPLATE_BYTES = 1024 ** 2;

/** The texts of a chart and the charts below it, through links; files that are no text are left out. */
export async function readChartTexts(snapshot: Snapshot, folder: string, signal: AbortSignal): Promise<ChartTexts> {
  const index = SnapshotIndex.of(snapshot);
  const texts = new Map<string, string>();
  const archives: string[] = [];
  const visited = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    const found = index.find(path);
    if (visited.has(found.path)) return;
    visited.add(found.path);
    if (found.type === "folder") for (const file of index.filesBelow(found.path)) await visit(file);
    if (found.type !== "file") return;
    if (path.endsWith(".tgz")) archives.push(path);
    else if (/\.(ya?ml|tpl|txt|json)$/.test(path)) {
      const text = await readText(snapshot, found.path, signal);
      if (text !== undefined) texts.set(path, text);
    }
  };
  await visit(folder);
  return { texts, archives };
}

async function readText(snapshot: Snapshot, path: string, signal: AbortSignal): Promise<string | undefined> {
  if ((snapshot.files.get(path)?.size ?? 0) > MAX_TEMPLATE_BYTES) return undefined;
  try {
    return (await snapshot.readTexts([path], signal)).get(path);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** Whether any template asks what the cluster can do; a packed chart may, nobody knows. */
export function asksCapabilities({ texts, archives }: ChartTexts): boolean {
  return archives.length > 0 || [...texts.values()].some((text) => text.includes("Capabilities"));
}

/**
 * Template functions whose result is not the same each time: random values, the time, keys made anew, and the order
 * of a Go map.
 */
const VARYING =
  /\b(rand[A-Z]\w*|gen[A-Z]\w*|uuidv4|now|ago|shuffle|bcrypt|htpasswd|encryptAES|unixEpoch|date\w*|htmlDate\w*|keys|getHostByName)\b|(?<![.\w])values\b/;

/** Whether rendering twice may give two results; when in doubt, it may. `values` count too: `tpl` runs them. */
export function mayVary({ texts, archives }: ChartTexts, values: readonly string[]): boolean {
  return (
    archives.length > 0 ||
    [...texts.values(), ...values].some((text) => actionsOf(text).some((action) => VARYING.test(action)))
  );
}

/** A template that looks at the cluster while it renders, which it cannot here. */
export function findLookup({ texts }: ChartTexts): string | undefined {
  for (const [path, text] of texts) if (actionsOf(text).some((action) => /\blookup\s/.test(action))) return path;
  return undefined;
}

function actionsOf(text: string): readonly string[] {
  return text.includes("{{") ? (text.match(/\{\{.*?\}\}/gs) ?? []) : [];
}
