import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import type { Place } from "@axle/core/fleet/problem.ts";

/** One thing a kustomization names outside itself. */
export interface Reference {
  readonly value: string;
  readonly place: Place;
  readonly type: "path" | "chart-repository";
}

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
  /** Runs helm inside kustomize. */
  readonly usesHelm: boolean;
  /** Why it could not be read. */
  readonly fault: { readonly message: string; readonly place: Place } | undefined;
}

/** Lists of paths; entries of several lines are inline YAML. */
const PATH_LISTS = [
  "resources",
  "bases",
  "components",
  "crds",
  "configurations",
  "generators",
  "transformers",
  "validators",
  "patchesStrategicMerge",
] as const;
/** Lists of mappings with a path. */
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
    const texts: string[] = [];
    const helmPaths: HelmPath[] = [];
    for (const document of parseYaml(text)) {
      collectTexts(document.value, {
        texts,
        visit: (record) => collectHelmPaths(record, { file, usesHelm, helmPaths }),
      });
      const add = (value: unknown, path: readonly PropertyKey[], type: Reference["type"] = "path"): void => {
        if (typeof value !== "string" || value === "" || readInline(value) !== undefined) return;
        references.push({ value, type, place: { file, ...document.locate(path, "value") } });
      };
      collectReferences(document.value, add);
    }
    return { references, texts, helmPaths, usesHelm, fault: undefined };
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    const fault = { message: cause.message, place: { file, ...cause.position } };
    return { references: [], texts: [], helmPaths: [], usesHelm, fault };
  }
}

type Add = (value: unknown, path: readonly PropertyKey[], type?: Reference["type"]) => void;

function collectReferences(value: unknown, add: Add): void {
  for (const list of PATH_LISTS) {
    for (const [index, entry] of itemsOf(value, list)) add(entry, [list, index]);
  }
  for (const [list, fields] of PATH_FIELDS) {
    for (const [index, entry] of itemsOf(value, list)) {
      for (const field of fields) {
        const named = isRecord(entry) ? entry[field] : undefined;
        // Generators write `name=path`.
        const pathOf = (text: unknown): unknown =>
          field === "files" && typeof text === "string" ? text.slice(text.indexOf("=") + 1) : text;
        if (!Array.isArray(named)) add(pathOf(named), [list, index, field]);
        for (const [position, item] of itemsOf(entry, field)) add(pathOf(item), [list, index, field, position]);
      }
    }
  }
  for (const [index, chart] of itemsOf(value, "helmCharts")) {
    if (isRecord(chart)) add(chart["repo"], ["helmCharts", index, "repo"], "chart-repository");
  }
  const openapi = isRecord(value) ? value["openapi"] : undefined;
  if (isRecord(openapi)) add(openapi["path"], ["openapi", "path"]);
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
      if (!isName) into.helmPaths.push({ value: path, file: into.file });
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
  readonly texts: string[];
  visit(record: Readonly<Record<string, unknown>>): void;
}

function collectTexts(value: unknown, sink: TextSink): void {
  if (typeof value === "string") collectText(value, sink);
  else if (Array.isArray(value)) for (const item of value) collectTexts(item, sink);
  else if (isRecord(value)) {
    sink.visit(value);
    for (const [key, member] of Object.entries(value)) {
      collectText(key, sink);
      collectTexts(member, sink);
    }
  }
}

function collectText(text: string, sink: TextSink): void {
  const inline = readInline(text);
  if (inline !== undefined) {
    for (const value of inline) collectTexts(value, sink);
    return;
  }
  sink.texts.push(text);
  const equals = text.indexOf("=");
  if (equals >= 0) sink.texts.push(text.slice(equals + 1));
}

/** Patches and generators may be written in place, as YAML inside the YAML. Undefined for what is plain text. */
function readInline(text: string): readonly unknown[] | undefined {
  if (!/[\n:[{]/.test(text)) return undefined;
  try {
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
