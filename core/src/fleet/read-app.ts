import type { App, AppOverride, AppPlacement, IgnoreRule } from "./app.ts";
import type { AppDocument } from "./contract-schemas.ts";
import type { Fleet } from "./fleet.ts";
import { normaliseSelector } from "./normalise-selector.ts";
import type { Place, Problem, ProblemCode } from "./problem.ts";
import { formatField } from "./read-documents.ts";
import type { ContractDocument } from "./read-documents.ts";
import { readHealthChecks, readSync } from "./read-fleet.ts";
import { readSourceFolder } from "./read-source.ts";
import type { WrittenFolder } from "./read-source.ts";
import { baseNameOf, folderOf, resolveRepositoryPath } from "./repository-path.ts";
import { suggest } from "./suggest.ts";

type AppSource = Extract<ContractDocument, { kind: "App" }>;
type OverrideDocument = NonNullable<AppDocument["spec"]["overrides"]>[number];
type Path = readonly PropertyKey[];

export interface AppReading {
  readonly app: App;
  readonly problems: readonly Problem[];
  /** Folders that are this app's: a layout does not make another app of them. */
  readonly claims: readonly string[];
}

export interface AppContext {
  readonly defaults: Fleet["defaults"];
  readonly readsAnywhere?: Fleet["readsAnywhere"] | undefined;
  /** Every file of the repository. */
  readonly files: ReadonlySet<string>;
}

/** An App file's object, normalised: defaults filled in, every path relative to the root. */
/** Rules for differences and health, mostly. What an app's record or a slice could not be stored with would stop the whole fleet. */
const MAX_SETTINGS_CHARACTERS = 256 * 1024;

export function readApp(source: AppSource, context: AppContext): AppReading {
  const reader = new AppReader(source, context.files);
  const { metadata, spec } = source.value;
  const path = reader.folder(["spec", "source", "path"]);
  const overrides = (spec.overrides ?? []).map((override, index) =>
    reader.override(override, ["spec", "overrides", index]),
  );
  const placement: AppPlacement = {
    path: path ?? "",
    clusters: normaliseSelector(spec.clusters, source.placeOf("spec", "clusters")),
    ...(spec.namespace !== undefined && { namespace: spec.namespace }),
    ...(spec.releaseName !== undefined && { releaseName: spec.releaseName }),
    values: spec.values ?? {},
    valuesFiles: reader.valuesFiles(spec.valuesFiles, ["spec", "valuesFiles"]),
    overrides,
    ...(context.readsAnywhere && { readsAnywhere: true }),
    declaredAt: source.placeOf("spec", "source"),
  };
  if (spec.rollout !== undefined) {
    const message = "rollouts are not supported yet by this hub: the app moves on all its clusters at once";
    reader.report("ignored", message, ["spec", "rollout"]);
  }
  const app: App = {
    name: metadata.name,
    labels: metadata.labels ?? {},
    placements: [placement],
    settings: {
      sync: readSync(spec.sync, context.defaults.sync),
      dependsOn: [...new Set(spec.dependsOn ?? [])].sort(),
      ...(spec.namespace !== undefined && { namespace: spec.namespace }),
      ignoreDifferences: (spec.ignoreDifferences ?? []).map(readIgnoreRule),
      healthChecks: [...readHealthChecks(spec.healthChecks), ...context.defaults.healthChecks],
    },
    substitute: spec.substitute ?? {},
    declaredAt: source.place,
    ...placesOf(source),
  };
  const size = JSON.stringify(app.settings).length;
  if (size > MAX_SETTINGS_CHARACTERS) {
    const message = `rules and settings of ${size} characters; every slice carries them, ${MAX_SETTINGS_CHARACTERS} are the limit`;
    reader.report("schema", message, ["spec"]);
  }
  const folders = [...(path === undefined ? [] : [path]), ...overrides.flatMap((override) => override.path ?? [])];
  return { app, problems: reader.problems, claims: [folderOf(source.place.file), ...folders] };
}

function placesOf({ value, placeOf }: AppSource): Pick<App, "places"> {
  const { dependsOn, substitute } = value.spec;
  if (dependsOn === undefined && substitute === undefined) return {};
  const names = Object.keys(substitute ?? {});
  return {
    places: {
      ...(dependsOn !== undefined && { dependsOn: placeOf("spec", "dependsOn") }),
      substitute: Object.fromEntries(names.map((name) => [name, placeOf("spec", "substitute", name)])),
    },
  };
}

type IgnoreDocument = NonNullable<AppDocument["spec"]["ignoreDifferences"]>[number];

function readIgnoreRule(rule: IgnoreDocument): IgnoreRule {
  const { group, kind, name, namespace, jsonPointers, celPaths, managers } = rule;
  return {
    ...(group !== undefined && { group }),
    ...(kind !== undefined && { kind }),
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(jsonPointers !== undefined && { jsonPointers }),
    ...(celPaths !== undefined && { celPaths }),
    ...(managers !== undefined && { managers }),
  };
}

class AppReader {
  readonly problems: Problem[] = [];
  readonly #source: AppSource;
  readonly #files: ReadonlySet<string>;

  constructor(source: AppSource, files: ReadonlySet<string>) {
    this.#source = source;
    this.#files = files;
  }

  report(code: ProblemCode, message: string, field: Path): void {
    this.problems.push({
      severity: code === "ignored" ? "warning" : "error",
      code,
      message,
      place: this.#source.placeOf(...field),
      field: formatField(field),
      app: this.#source.value.metadata.name,
    });
  }

  /** Relative to the App file's folder; undefined, and reported, when it leaves the repository. */
  path(written: string, field: Path): string | undefined {
    const path = resolveRepositoryPath(folderOf(this.#source.place.file), written);
    if (path === undefined) {
      this.report("path-escapes", `"${written}" leaves the repository; write a path inside it`, field);
    }
    return path;
  }

  /** Where the source stands in the snapshot, or what an override makes of it; as {@link path} for one that leaves. */
  folder(field: Path, override: WrittenFolder = {}): string | undefined {
    const { source } = this.#source.value.spec;
    const folder = readSourceFolder(source, folderOf(this.#source.place.file), override);
    if (folder === undefined) {
      const written = override.path ?? source.path ?? "";
      this.report("path-escapes", `"${written}" leaves the repository; write a path inside it`, field);
    }
    return folder;
  }

  valuesFiles(written: readonly string[] | undefined, field: Path): readonly string[] {
    return (written ?? []).flatMap((text, index) => {
      const path = this.path(text, [...field, index]);
      if (path === undefined) return [];
      if (!this.#files.has(path)) {
        this.report("source", `there is no file ${path}${this.#nearby(path)}`, [...field, index]);
      }
      return [path];
    });
  }

  override(written: OverrideDocument, field: Path): AppOverride {
    const moves = written.path !== undefined || written.ref !== undefined;
    const path = moves ? this.folder([...field, written.path === undefined ? "ref" : "path"], written) : undefined;
    if (written.ref !== undefined && written.path === undefined && this.#source.value.spec.source.chart !== undefined) {
      this.report("schema", "the source is a chart, which has a version and no ref", [...field, "ref"]);
    }
    const declaredAt: Place = this.#source.placeOf(...field);
    return {
      clusters: normaliseSelector(written.clusters, this.#source.placeOf(...field, "clusters")),
      ...(path !== undefined && { path }),
      ...(written.namespace !== undefined && { namespace: written.namespace }),
      values: written.values ?? {},
      valuesFiles: this.valuesFiles(written.valuesFiles, [...field, "valuesFiles"]),
      patches: written.patches ?? [],
      declaredAt,
    };
  }

  #nearby(path: string): string {
    const folder = folderOf(path);
    const beside = [...this.#files].filter((file) => folderOf(file) === folder).map(baseNameOf);
    const near = suggest(baseNameOf(path), beside);
    return near === undefined ? "" : `; did you mean "${near}"?`;
  }
}
