import type { Snapshot } from "../../ports.ts";
import { readPackedChart } from "./read-packed-chart.ts";
import { SnapshotIndex } from "./snapshot-index.ts";
import { asksTime, functionsIn, mayVary } from "./template-functions.ts";

export interface ChartTexts {
  /** What helm runs as templates, by path. */
  readonly templates: ReadonlyMap<string, string>;
  /** Values, metadata, and files that templates may read. */
  readonly others: ReadonlyMap<string, string>;
  /** Charts packed as archives that cannot be looked into. */
  readonly archives: readonly string[];
  /** Too large, or not text. */
  readonly unread: { readonly templates: boolean; readonly others: boolean };
}

/** Larger files are data, not templates. */
const MAX_TEMPLATE_BYTES = 1024 ** 2;
/** Of one chart with all below it. What is beyond counts as anything. */
const MAX_TOTAL_CHARACTERS = 64 * 1024 ** 2;

/** The texts of a chart and the charts below it, through links. */
export async function readChartTexts(snapshot: Snapshot, folder: string, signal: AbortSignal): Promise<ChartTexts> {
  const index = SnapshotIndex.of(snapshot);
  const templates = new Map<string, string>();
  const others = new Map<string, string>();
  const archives: string[] = [];
  const unread = { templates: false, others: false };
  let characters = 0;
  const visited = new Set<string>();
  const visit = async (path: string, isTemplate: boolean): Promise<void> => {
    const found = index.find(path);
    const visitKey = `${found.path}\0${isTemplate}`;
    if (visited.has(visitKey)) return;
    visited.add(visitKey);
    if (found.type === "folder") {
      for (const file of index.filesBelow(found.path))
        await visit(file, isTemplate || isBelowTemplates(file, found.path));
    }
    if (found.type !== "file") return;
    if (path.endsWith(".tgz")) await visitPacked(path, found.path);
    else if (characters > MAX_TOTAL_CHARACTERS) take(path, undefined, isTemplate);
    else take(path, await readText(snapshot, found.path, signal), isTemplate);
  };
  const take = (path: string, text: string | undefined, isTemplate: boolean): void => {
    characters += text?.length ?? 0;
    if (text !== undefined && characters <= MAX_TOTAL_CHARACTERS) (isTemplate ? templates : others).set(path, text);
    else if (isTemplate) unread.templates = true;
    else unread.others = true;
  };
  const visitPacked = async (path: string, archive: string): Promise<void> => {
    const files = await readPackedChart(snapshot, archive, signal);
    if (files === undefined) archives.push(path);
    for (const { path: inside, content } of files ?? []) {
      take(`${path}/${inside}`, decode(content), isBelowTemplates(inside, ""));
    }
  };
  await visit(folder, false);
  return { templates, others, archives, unread };
}

/** Whatever its name: helm renders every file there. */
function isBelowTemplates(file: string, folder: string): boolean {
  return /(^|\/)templates(\/|$)/.test(file.slice(folder === "" ? 0 : folder.length + 1));
}

function decode(content: Uint8Array): string | undefined {
  if (content.length > MAX_TEMPLATE_BYTES) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
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
export function asksCapabilities({ templates, others, archives, unread }: ChartTexts): boolean {
  return (
    archives.length > 0 ||
    unread.templates ||
    [...templates.values(), ...others.values()].some((text) => text.includes("Capabilities"))
  );
}

/** Whether a chart says which versions of Kubernetes it is for: helm refuses it for others. */
export function asksVersion({ others }: ChartTexts): boolean {
  return [...others].some(([path, text]) => path.endsWith("Chart.yaml") && /^\s*["']?kubeVersion["']?\s*:/m.test(text));
}

/** How often a chart has to be rendered to know what of it stays: `later` in another second than the first time. */
export type Repetition = "once" | "twice" | "later";

/** Whether rendering twice may give two results; when in doubt, it may. `values` count too: `tpl` runs them. */
export function repetitionOf(chart: ChartTexts, values: readonly string[]): Repetition {
  const { templates, others, archives, unread } = chart;
  const usesTpl = [...templates.values()].some((text) => functionsIn(text).includes("tpl"));
  const texts = [...templates.values(), ...(usesTpl ? [...others.values(), ...values] : [])];
  if (asksTime(texts)) return "later";
  if (archives.length > 0 || unread.templates || (usesTpl && unread.others)) return "twice";
  return mayVary(texts) ? "twice" : "once";
}

/** With these a template reaches beyond what it prints itself. */
const REACHING: ReadonlySet<string> = new Set(
  "define block tpl set unset merge mergeOverwrite mustMerge mustMergeOverwrite".split(" "),
);

/**
 * Templates of the chart itself to which all that varies is confined: what the others print is the same each time, so that
 * nothing has to be rendered again when none of their objects is kept (pods of tests). Undefined when nobody can say.
 */
export function confinedVariation(chart: ChartTexts, folder: string): ReadonlySet<string> | undefined {
  const { templates, archives, unread } = chart;
  if (archives.length > 0 || unread.templates) return undefined;
  if ([...templates.values()].some((text) => functionsIn(text).includes("tpl"))) return undefined;
  const varying = [...templates].filter(([, text]) => mayVary([text]));
  const top = folder === "" ? "templates/" : `${folder}/templates/`;
  const isConfined = varying.every(
    ([path, text]) => path.startsWith(top) && !functionsIn(text).some((name) => REACHING.has(name)),
  );
  return isConfined ? new Set(varying.map(([path]) => path)) : undefined;
}

/** Templates that look at the cluster while they render, which they cannot here. */
export function findLookups({ templates }: ChartTexts): readonly string[] {
  return [...templates].flatMap(([path, text]) => (functionsIn(text).includes("lookup") ? [path] : [])).sort();
}
