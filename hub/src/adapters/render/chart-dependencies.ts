import type { ChartSourceRequest } from "@axle/core/fleet/source-request.ts";
import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import { requestChart } from "./request-chart.ts";

/** Texts of a chart's own files; undefined for those it does not have. */
export interface ChartFiles {
  readonly chart: string;
  /** Where charts of the first format keep their dependencies. */
  readonly requirements?: string | undefined;
  /** Chart.lock, or requirements.lock. */
  readonly lock?: string | undefined;
}

export interface ChartDependency {
  readonly name: string;
  /** Name of its folder below charts/. */
  readonly folder: string;
  /** What the chart that depends on it calls it: its aliases, or its name. */
  readonly calledNames: readonly string[];
  readonly source: DependencySource;
}

export type DependencySource =
  | { readonly type: "chart"; readonly request: ChartSourceRequest }
  /** Relative to the chart's folder. */
  | { readonly type: "sibling"; readonly path: string }
  | { readonly type: "refused"; readonly message: string };

interface Entry {
  readonly name: string;
  readonly alias: string;
  readonly repository: string;
  readonly version: string;
}

/** What a chart says it depends on, with exact versions where the lock file gives them. Never throws: what cannot be read is helm's to tell. */
export function readDependencies(files: ChartFiles): readonly ChartDependency[] {
  const declared = [...entriesOf(files.chart), ...entriesOf(files.requirements)];
  const locked = entriesOf(files.lock);
  const seen = new Map<string, ChartDependency>();
  for (const [position, entry] of declared.entries()) {
    const lock =
      locked[position]?.name === entry.name ? locked[position] : locked.find(({ name }) => name === entry.name);
    const source = sourceOf(entry, files.lock === undefined ? undefined : lock);
    const version = source.type === "chart" ? source.request.version : entry.version;
    const isShared = declared.some(
      ({ name }, at) => at !== position && name === entry.name && declared[at]?.version !== entry.version,
    );
    const folder = isShared ? `${entry.name}-${version}` : entry.name;
    const before = seen.get(folder) ?? { name: entry.name, folder, source, calledNames: [] };
    seen.set(folder, { ...before, calledNames: [...before.calledNames, entry.alias || entry.name] });
  }
  return [...seen.values()];
}

function sourceOf(entry: Entry, lock: Entry | undefined): DependencySource {
  const { name, repository, version } = entry;
  if (repository.startsWith("file://")) return { type: "sibling", path: repository.slice("file://".length) };
  if (repository === "") return refused("names no repository, so it has to stand under charts/");
  const isExact = requestChart({ repository, name, version }).type === "request";
  if (isExact && lock !== undefined && !sameVersion(lock.version, version)) {
    return refused(
      `is wanted at ${version} and locked at ${lock.version}; run "helm dependency update" and commit the lock file`,
    );
  }
  const found = requestChart({ repository, name, version: isExact ? version : (lock?.version ?? version) });
  if (found.type === "request") return { type: "chart", request: found.request };
  if (found.why !== "version") return refused(found.message);
  return refused(
    `is wanted at ${version === "" ? "any version" : version}, and no lock file says which that is; ` +
      'run "helm dependency update" and commit Chart.lock, or name an exact version',
  );
}

function refused(message: string): DependencySource {
  return { type: "refused", message };
}

function sameVersion(a: string, b: string): boolean {
  return a.replace(/^v/, "") === b.replace(/^v/, "");
}

function entriesOf(text: string | undefined): readonly Entry[] {
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = parseYaml(text)[0]?.value;
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    return [];
  }
  const list = (value as { dependencies?: unknown } | null | undefined)?.dependencies;
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const { name, repository, version, alias } = (item ?? {}) as Readonly<Record<string, unknown>>;
    // The name becomes a folder below charts/.
    if (typeof name !== "string" || !/^[\w][\w.-]*$/.test(name)) return [];
    return [{ name, repository: textOf(repository), version: textOf(version), alias: textOf(alias) }];
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
}
