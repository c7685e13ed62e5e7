import type { Place, Problem } from "../fleet/problem.ts";
import { describeValue } from "../fleet/describe-value.ts";
import type { KubeObject } from "./object.ts";
import { finish } from "../steps.ts";
import type { Steps } from "../steps.ts";
import { parseYamlInSteps, YamlError } from "./parse-yaml.ts";
import type { YamlDocument } from "./parse-yaml.ts";

export interface PlacedObject {
  readonly object: KubeObject;
  readonly place: Place;
}

export interface Manifest {
  readonly objects: readonly PlacedObject[];
  /** Errors of code "manifest"; when there are any, `objects` is not complete. */
  readonly problems: readonly Problem[];
}

/** The Kubernetes objects of a YAML or JSON text, `List`s flattened, empty documents left out. `file` is for places only. */
export function parseManifest(text: string, file: string): Manifest {
  return finish(parseManifestInSteps(text, file));
}

/** {@link parseManifest}, a little at a time. */
export function* parseManifestInSteps(text: string, file: string): Steps<Manifest> {
  const objects: PlacedObject[] = [];
  const problems: Problem[] = [];
  for (const document of yield* readDocuments(text, file, problems)) {
    yield undefined;
    for (const candidate of flatten(document.value, [])) {
      const place = { file, ...document.locate(candidate.path, "value") };
      const faults = faultsOf(candidate.value);
      if (faults.length === 0) objects.push({ object: normalise(candidate.value as KubeObject), place });
      for (const { field, message } of faults) {
        const at = document.locate([...candidate.path, ...field], "value");
        problems.push({
          severity: "error",
          code: "manifest",
          message,
          place: { file, ...at },
          ...(field.length > 0 && { field: field.join(".") }),
        });
      }
    }
  }
  return { objects, problems };
}

function* readDocuments(text: string, file: string, problems: Problem[]): Steps<readonly YamlDocument[]> {
  try {
    return yield* parseYamlInSteps(text);
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    problems.push({ severity: "error", code: "manifest", message: cause.message, place: { file, ...cause.position } });
    return [];
  }
}

interface Candidate {
  readonly value: unknown;
  readonly path: readonly (string | number)[];
}

/** Lists in lists too. Items of a typed list (`ConfigMapList`) may leave out what the list says of them, as kubectl allows. */
function flatten(value: unknown, path: readonly (string | number)[]): readonly Candidate[] {
  if (!isRecord(value) || typeof value["kind"] !== "string" || !value["kind"].endsWith("List"))
    return [{ value, path }];
  const items = value["items"];
  if (!Array.isArray(items)) return value["kind"] === "List" && (items ?? null) === null ? [] : [{ value, path }];
  const kind = value["kind"].slice(0, -"List".length);
  return items.flatMap((item: unknown, index) => {
    const typed =
      kind !== "" && isRecord(item) && item["kind"] === undefined
        ? { apiVersion: value["apiVersion"], kind, ...item }
        : item;
    return flatten(typed, [...path, "items", index]);
  });
}

interface Fault {
  readonly field: readonly string[];
  readonly message: string;
}

function faultsOf(value: unknown): readonly Fault[] {
  if (!isRecord(value)) {
    return [
      {
        field: [],
        message: `found ${describeValue(value)}, expected a Kubernetes object (apiVersion, kind, metadata)`,
      },
    ];
  }
  const faults = [...textFault(value, ["apiVersion"]), ...textFault(value, ["kind"])];
  const metadata = value["metadata"];
  if (!isRecord(metadata)) {
    return [
      ...faults,
      { field: ["metadata"], message: `found ${describeValue(metadata)}, expected a mapping with a name` },
    ];
  }
  if (metadata["generateName"] !== undefined && metadata["name"] === undefined) {
    const message = "generateName gives another object at every apply; give the object a fixed metadata.name";
    faults.push({ field: ["metadata", "generateName"], message });
  } else faults.push(...textFault(value, ["metadata", "name"]));
  if ((metadata["namespace"] ?? null) !== null && typeof metadata["namespace"] !== "string") {
    faults.push(...textFault(value, ["metadata", "namespace"]));
  }
  return [...faults, ...mapFaults(metadata, "labels"), ...mapFaults(metadata, "annotations")];
}

function textFault(object: Readonly<Record<string, unknown>>, field: readonly string[]): Fault[] {
  const value = field.reduce<unknown>((at, step) => (isRecord(at) ? at[step] : undefined), object);
  if (typeof value === "string" && value !== "" && !value.includes("/")) return [];
  if (typeof value === "string" && value !== "" && field[0] === "apiVersion") return [];
  if (value === undefined) return [{ field, message: "missing, expected text" }];
  if (value === "") return [{ field, message: "empty, expected text" }];
  if (typeof value === "string") return [{ field, message: `found "${value}", expected text without a slash` }];
  return [{ field, message: `found ${describeValue(value)}, expected text${quoteHint(value)}` }];
}

function mapFaults(metadata: Readonly<Record<string, unknown>>, name: "labels" | "annotations"): Fault[] {
  const map = metadata[name] ?? {};
  if (!isRecord(map)) {
    return [{ field: ["metadata", name], message: `found ${describeValue(map)}, expected a mapping of text to text` }];
  }
  return Object.entries(map)
    .filter(([, value]) => value !== null && typeof value !== "string")
    .map(([key, value]) => ({
      field: ["metadata", name, key],
      message: `found ${describeValue(value)}, expected text${quoteHint(value)}`,
    }));
}

function quoteHint(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? "; put it in quotes" : "";
}

/** A null label is an empty one to the API server; a null or empty namespace is none. */
function normalise(object: KubeObject): KubeObject {
  const { namespace, labels, annotations, ...rest } = object.metadata as Readonly<Record<string, unknown>>;
  const metadata = {
    ...rest,
    ...(typeof namespace === "string" && namespace !== "" && { namespace }),
    ...(isRecord(labels) && { labels: withoutNulls(labels) }),
    ...(isRecord(annotations) && { annotations: withoutNulls(annotations) }),
  };
  return { ...object, metadata } as KubeObject;
}

function withoutNulls(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value ?? ""]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
