import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import type { Place } from "@axle/core/fleet/problem.ts";

/** One thing a kustomization names outside itself. */
export interface Reference {
  readonly value: string;
  readonly place: Place;
  /** Where the text stands that holds it. */
  readonly path: readonly PropertyKey[];
  /** What stands before it in that text: `name=` of a generator. */
  readonly prefix: string;
  /** Whether the field takes files, folders, or either. */
  readonly use: "any" | "file" | "folder";
}

/** A chart that kustomize has helm render, and downloads when it is not in its home. */
export interface ChartUse {
  readonly name: string;
  /** "" where none is given: the chart must be in its home. */
  readonly repository: string;
  readonly version: string;
  /** Relative to the kustomization's folder. */
  readonly home: string;
  readonly release: string;
  /** What helm gets to read, the last one wins: files relative to the kustomization's folder, and what stands in it. */
  readonly values: readonly ChartValues[];
  readonly place: Place;
}

export type ChartValues = string | Readonly<Record<string, unknown>>;

/** A path that helm reads when kustomize runs it, wherever it is written. */
export interface HelmPath {
  readonly value: string;
  readonly file: string;
}

export interface Kustomization {
  /** From the fields that hold paths: what may leave the folder. */
  readonly references: readonly Reference[];
  /** Every text anywhere in the file, with the paths that generators hide in `name=path`: what may be a path. */
  readonly texts: readonly string[];
  readonly helmPaths: readonly HelmPath[];
  readonly charts: readonly ChartUse[];
  /** Runs helm inside kustomize. */
  readonly usesHelm: boolean;
  /** Why it could not be read. */
  readonly fault: { readonly message: string; readonly place: Place } | undefined;
}

type Use = Reference["use"];

/** Lists of paths; entries of several lines are inline YAML. */
const PATH_LISTS: readonly (readonly [list: string, use: Use])[] = [
  ["resources", "any"],
  ["bases", "any"],
  ["components", "folder"],
  ["crds", "file"],
  ["configurations", "file"],
  ["generators", "any"],
  ["transformers", "any"],
  ["validators", "any"],
  ["patchesStrategicMerge", "file"],
];
/** Lists of mappings with the path of a file. */
const PATH_FIELDS: readonly (readonly [list: string, fields: readonly string[]])[] = [
  ["patches", ["path"]],
  ["patchesJson6902", ["path"]],
  ["replacements", ["path"]],
  ["configMapGenerator", ["files", "envs", "env"]],
  ["secretGenerator", ["files", "envs", "env"]],
];
/** Fields of every way to run helm from kustomize. */
const HELM_FIELDS: ReadonlySet<string> = new Set(["chartHome", "configHome", "valuesFile", "additionalValuesFiles"]);

/** Reads what a kustomization refers to. Never throws: what cannot be read is told in `fault`. */
export function readKustomization(text: string, file: string): Kustomization {
  const usesHelm = /helmChart|HelmChart|helmGlobals/.test(text);
  try {
    const references: Reference[] = [];
    const texts = new Set<string>();
    const helmPaths: HelmPath[] = [];
    const charts: ChartUse[] = [];
    const seen = new Map<string, number>();
    for (const document of parseYaml(text)) {
      const locate = (path: readonly PropertyKey[]): Place => ({ file, ...document.locate(path, "value") });
      collectTexts(document.value, {
        texts,
        seen,
        visit: (record) => {
          collectHelmPaths(record, { file, usesHelm, helmPaths });
          if (record["kind"] === "HelmChartInflationGenerator")
            charts.push(...chartsOf([record], {}, () => locate([])));
        },
      });
      collectReferences(document.value, (value, path, { use, prefix = "" }) => {
        if (typeof value !== "string" || value === "" || readInline(value) !== undefined) return;
        references.push({ value, path, prefix, use, place: locate(path) });
      });
      for (const list of ["helmCharts", "helmChartInflationGenerator"]) {
        const items = itemsOf(document.value, list).map(([, item]) => item);
        charts.push(...chartsOf(items, globalsOf(document.value), (index) => locate([list, index])));
      }
    }
    return { references, texts: [...texts], helmPaths, charts, usesHelm, fault: undefined };
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    const fault = { message: cause.message, place: { file, ...cause.position } };
    return { references: [], texts: [], helmPaths: [], charts: [], usesHelm, fault };
  }
}

type Add = (
  value: unknown,
  path: readonly PropertyKey[],
  kind: { readonly use: Use; readonly prefix?: string },
) => void;

function collectReferences(value: unknown, add: Add): void {
  for (const [list, use] of PATH_LISTS) {
    for (const [index, entry] of itemsOf(value, list)) add(entry, [list, index], { use });
  }
  for (const [list, fields] of PATH_FIELDS) {
    for (const [index, entry] of itemsOf(value, list)) {
      for (const field of fields) {
        const named = isRecord(entry) ? entry[field] : undefined;
        const addPath = (text: unknown, path: readonly PropertyKey[]): void => {
          // Generators write `name=path`.
          const end = field === "files" && typeof text === "string" ? text.indexOf("=") + 1 : 0;
          const prefix = typeof text === "string" ? text.slice(0, end) : "";
          add(typeof text === "string" ? text.slice(end) : text, path, { use: "file", prefix });
        };
        if (!Array.isArray(named)) addPath(named, [list, index, field]);
        for (const [position, item] of itemsOf(entry, field)) addPath(item, [list, index, field, position]);
      }
    }
  }
  const openapi = isRecord(value) ? value["openapi"] : undefined;
  if (isRecord(openapi)) add(openapi["path"], ["openapi", "path"], { use: "file" });
}

/** Kustomize's own default. */
const CHART_HOME = "charts";

function globalsOf(value: unknown): Readonly<Record<string, unknown>> {
  const globals = isRecord(value) ? value["helmGlobals"] : undefined;
  return isRecord(globals) ? globals : {};
}

function chartsOf(
  items: readonly unknown[],
  globals: Readonly<Record<string, unknown>>,
  locate: (index: number) => Place,
): readonly ChartUse[] {
  return items.flatMap((item, index) => {
    if (!isRecord(item)) return [];
    const text = (...names: readonly string[]): string => {
      const found = names
        .map((name) => item[name])
        .find((value) => value !== undefined && value !== null && value !== "");
      return typeof found === "string" || typeof found === "number" ? String(found) : "";
    };
    const inItem = text("chartHome");
    const home =
      typeof globals["chartHome"] === "string" && globals["chartHome"] !== "" ? globals["chartHome"] : inItem;
    // A generator's own `name` is that of its metadata only when it names no chart.
    const name = text("chartName", "name");
    if (name === "") return [];
    const release = text("releaseName");
    const repository = text("chartRepoUrl", "repo");
    return [
      {
        name,
        repository,
        version: text("chartVersion", "version"),
        home: home || CHART_HOME,
        release,
        values: valuesOf(item),
        place: locate(index),
      },
    ];
  });
}

/** In the order that `valuesMerge` says. A chart's own values come before these anyway. */
function valuesOf(item: Readonly<Record<string, unknown>>): readonly ChartValues[] {
  const { valuesMerge, additionalValuesFiles } = item;
  const named = [item["valuesFile"], item["values"]].find((value) => typeof value === "string" && value !== "");
  const file = typeof named === "string" ? [named] : [];
  const inline = [item["valuesInline"], item["valuesLocal"]].filter(isRecord).slice(0, 1);
  const more = Array.isArray(additionalValuesFiles) ? (additionalValuesFiles as unknown[]) : [];
  const own = valuesMerge === "merge" ? [...inline, ...file] : [...file, ...inline];
  const given = valuesMerge === "replace" && inline.length > 0 ? inline : own;
  return [...given, ...more.filter((value) => typeof value === "string")];
}

function collectHelmPaths(
  record: Readonly<Record<string, unknown>>,
  into: { readonly file: string; readonly usesHelm: boolean; readonly helmPaths: HelmPath[] },
): void {
  if (!into.usesHelm) return;
  for (const [field, value] of Object.entries(record)) {
    const isName = field === "name" || field === "chartName";
    if (!isName && !HELM_FIELDS.has(field) && !(field === "values" && "chartName" in record)) continue;
    for (const path of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof path !== "string" || path.includes("\n")) continue;
      if (!isName || path.includes("://")) into.helmPaths.push({ value: path, file: into.file });
      // A chart's name is a folder below its home: joined to it, one that climbs could end anywhere.
      else if (/^\/|(^|\/)\.\.(\/|$)/.test(path)) into.helmPaths.push({ value: `/${path}`, file: into.file });
    }
  }
}

function itemsOf(value: unknown, field: string): readonly (readonly [number, unknown])[] {
  const list = isRecord(value) ? value[field] : undefined;
  return Array.isArray(list) ? [...(list as unknown[]).entries()] : [];
}

interface TextSink {
  readonly texts: Set<string>;
  /** How deep inside other texts each was looked into: by aliases one stands at a million places. */
  readonly seen: Map<string, number>;
  visit(record: Readonly<Record<string, unknown>>): void;
}

/** YAML inside YAML inside YAML: nobody writes a third on purpose, and each is read by itself. */
const MAX_INLINE_DEPTH = 4;

function collectTexts(value: unknown, sink: TextSink, inlineDepth = 0): void {
  if (typeof value === "string") collectText(value, sink, inlineDepth);
  else if (Array.isArray(value)) for (const item of value) collectTexts(item, sink, inlineDepth);
  else if (isRecord(value)) {
    sink.visit(value);
    for (const [key, member] of Object.entries(value)) {
      collectText(key, sink, inlineDepth);
      collectTexts(member, sink, inlineDepth);
    }
  }
}

function collectText(text: string, sink: TextSink, inlineDepth: number): void {
  if ((sink.seen.get(text) ?? Infinity) <= inlineDepth) return;
  sink.seen.set(text, inlineDepth);
  const inline = readInline(text, inlineDepth);
  if (inline !== undefined) {
    for (const value of inline) collectTexts(value, sink, inlineDepth + 1);
    return;
  }
  sink.texts.add(text);
  const equals = text.indexOf("=");
  if (equals >= 0) sink.texts.add(text.slice(equals + 1));
}

/** Patches and generators may be written in place, as YAML inside the YAML. Undefined for what is plain text. */
function readInline(text: string, depth = 0): readonly unknown[] | undefined {
  if (!/[\n:[{]/.test(text)) return undefined;
  try {
    if (depth >= MAX_INLINE_DEPTH) {
      throw new YamlError("too-deep", `YAML inside YAML, more than ${MAX_INLINE_DEPTH} times over`, {
        line: 1,
        column: 1,
      });
    }
    const values = parseYaml(text).map(({ value }) => value);
    return values.some((value) => typeof value === "object" && value !== null) ? values : undefined;
  } catch (error) {
    // What we cannot look into must not run helm.
    if (!(error instanceof YamlError) || /HelmChart/.test(text)) throw error;
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
