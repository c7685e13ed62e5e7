import { DEFAULT_SYNC } from "./app.ts";
import type { HealthCheck, SyncSettings } from "./app.ts";
import type { FleetDocument, HealthCheckDocument, SyncDocument } from "./contract-schemas.ts";
import { parseDuration } from "./duration.ts";
import { DEFAULT_GUARDS } from "./fleet.ts";
import type { Fleet, LayoutEntry } from "./fleet.ts";
import { normaliseSelector } from "./normalise-selector.ts";
import type { Place, Problem } from "./problem.ts";
import { formatField } from "./read-documents.ts";
import type { ContractDocument } from "./read-documents.ts";
import { resolveRepositoryPath } from "./repository-path.ts";
import { CAPTURE } from "./selector-schema.ts";

type FleetSource = Extract<ContractDocument, { kind: "Fleet" }>;
type EntryDocument = NonNullable<NonNullable<FleetDocument["spec"]>["layout"]>[number];

/** `axle.yaml` with defaults filled in, and what the schema alone cannot see. */
export function readFleet(source: FleetSource): { readonly fleet: Fleet; readonly problems: readonly Problem[] } {
  const { metadata, spec } = source.value;
  const problems: Problem[] = [];
  const clusterFilesAt = new Map<string, Place>();
  for (const [index, glob] of (spec?.clusterFiles ?? []).entries()) {
    const field = ["spec", "clusterFiles", index];
    const path = insidePath(glob, { source, field, problems });
    if (path !== undefined) clusterFilesAt.set(path, source.placeOf(...field));
  }
  const clusterFiles = [...clusterFilesAt.keys()];
  const layout = (spec?.layout ?? []).flatMap((entry, index) => readEntry(entry, { source, index, problems }));
  const sync = readSync(spec?.defaults?.sync, DEFAULT_SYNC);
  const healthChecks = readHealthChecks(spec?.defaults?.healthChecks);
  const guards = { plainSecrets: spec?.guards?.plainSecrets ?? DEFAULT_GUARDS.plainSecrets };
  const defaults = { sync, healthChecks };
  const readsAnywhere = spec?.kustomize?.loadRestrictor === "none" && { readsAnywhere: true as const };
  const given = { name: metadata.name, clusterFiles, clusterFilesAt, layout, defaults, guards };
  return { fleet: { ...given, ...readsAnywhere, declaredAt: source.place }, problems };
}

/** What is written, over what holds otherwise. The schema has checked the duration. */
export function readSync(written: SyncDocument | undefined, defaults: SyncSettings): SyncSettings {
  if (written === undefined) return defaults;
  const { prune = defaults.pruneFirst === true ? "before" : defaults.prune } = written;
  return {
    mode: written.mode ?? defaults.mode,
    prune: prune !== false,
    ...given("pruneFirst", prune === "before" ? true : undefined),
    selfHeal: written.selfHeal ?? defaults.selfHeal,
    force: written.force ?? defaults.force,
    ...given("adopt", written.adopt ?? defaults.adopt),
    ...given("createNamespace", written.createNamespace ?? defaults.createNamespace),
    ...given("deletion", written.deletion ?? defaults.deletion),
    ...given("serviceAccount", written.serviceAccount ?? defaults.serviceAccount),
    ...given("unknownFields", written.unknownFields ?? defaults.unknownFields),
    ...given("regenerate", written.regenerate === undefined ? defaults.regenerate : String(written.regenerate)),
    timeoutMs:
      written.timeout === undefined ? defaults.timeoutMs : (parseDuration(written.timeout) ?? defaults.timeoutMs),
  };
}

function given<Name extends keyof SyncSettings>(
  name: Name,
  value: SyncSettings[Name] | undefined,
): { readonly [N in Name]?: SyncSettings[N] } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: SyncSettings[N] });
}

/** The two words for the last question become one. */
export function readHealthChecks(written: readonly HealthCheckDocument[] | undefined): readonly HealthCheck[] {
  return (written ?? []).map(({ current, healthy = current, ...rest }) => {
    const parts = Object.entries({ ...rest, healthy }).filter(([, value]) => value !== undefined);
    return Object.fromEntries(parts) as unknown as HealthCheck;
  });
}

interface EntryContext {
  readonly source: FleetSource;
  readonly index: number;
  readonly problems: Problem[];
}

function readEntry(entry: EntryDocument, { source, index, problems }: EntryContext): readonly LayoutEntry[] {
  const field = ["spec", "layout", index];
  const report = (name: string, message: string): void => {
    const at = [...field, name];
    problems.push({ severity: "error", code: "schema", message, place: source.placeOf(...at), field: formatField(at) });
  };
  const path = insidePath(entry.path, { source, field: [...field, "path"], problems });
  if (path === undefined) return [];
  const fault = patternFault(path);
  if (fault !== undefined) {
    report("path", fault);
    return [];
  }
  const branch = namesIn(entry.branch ?? "");
  const repeated = repeatedName([...branch, ...namesIn(path)]);
  if (repeated !== undefined) {
    report(branch.includes(repeated) ? "branch" : "path", repeatedFault(repeated));
    return [];
  }
  const captured = new Set([...branch, ...namesIn(path)]);
  const identity = identityFault(entry, captured);
  if (identity !== undefined) report(entry.app === undefined ? "path" : "app", identity);
  let isClear = true;
  for (const name of ["app", "namespace", "labels", "clusters"] as const) {
    for (const used of new Set(namesIn(JSON.stringify(entry[name] ?? "")))) {
      if (captured.has(used)) continue;
      isClear = false;
      const known =
        captured.size === 0 ? "captures nothing" : `captures ${[...captured].map((x) => `{${x}}`).join(", ")}`;
      report(name, `{${used}} stands for nothing: the ${entry.branch === undefined ? "path" : "entry"} ${known}`);
    }
  }
  // What nobody knows the meaning of fits no folder: that each does not would only hide why.
  if (!isClear) return [];
  const declaredAt = source.placeOf(...field);
  return [
    {
      path,
      ...(entry.branch !== undefined && { branch: entry.branch }),
      ...(entry.ref !== undefined && { ref: entry.ref }),
      app: entry.app ?? "{app}",
      exclude: (entry.exclude ?? []).map((glob) => glob.replace(/^\.?\//, "").replace(/\/$/, "")),
      clusters: normaliseSelector(entry.clusters, source.placeOf(...field, "clusters")),
      ...(entry.namespace !== undefined && { namespace: entry.namespace }),
      labels: entry.labels ?? {},
      declaredAt,
    },
  ];
}

function identityFault(entry: EntryDocument, captured: ReadonlySet<string>): string | undefined {
  if (entry.app === undefined) {
    return captured.has("app") ? undefined : "no name for the app: capture {app} in the path, or write app: <name>";
  }
  if (!captured.has("app") || namesIn(entry.app).includes("app")) return undefined;
  return "the path captures {app} and app: gives a name as well; keep one";
}

function patternFault(path: string): string | undefined {
  const odd = path.split("/").find((segment) => /[{}]/.test(segment) && !/^\{[A-Za-z][A-Za-z0-9_]*\}$/.test(segment));
  if (odd !== undefined) return `"${odd}" is no capture: {name} stands for one whole path segment`;
  if (path.includes("*")) return "globs are not known here; {name} stands for one path segment";
  return undefined;
}

function repeatedName(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

function repeatedFault(name: string): string {
  return `{${name}} is captured twice; give one of them another name`;
}

function namesIn(text: string): readonly string[] {
  return [...text.matchAll(CAPTURE)].map((match) => match[1] as string);
}

interface PathContext {
  readonly source: FleetSource;
  readonly field: readonly PropertyKey[];
  readonly problems: Problem[];
}

function insidePath(written: string, { source, field, problems }: PathContext): string | undefined {
  const path = resolveRepositoryPath("", written);
  if (path !== undefined) return path;
  problems.push({
    severity: "error",
    code: "path-escapes",
    message: `"${written}" leaves the repository; write a path inside it`,
    place: source.placeOf(...field),
    field: formatField(field),
  });
  return undefined;
}
