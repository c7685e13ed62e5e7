import type { z } from "zod";
import { parseYamlInSteps, positionIn, YamlError } from "../manifest/parse-yaml.ts";
import type { Position, YamlDocument } from "../manifest/parse-yaml.ts";
import type { Steps } from "../steps.ts";
import { CONTRACT_API_VERSION, CONTRACT_SCHEMAS } from "./contract-schemas.ts";
import type { AppDocument, ClusterDocument, ContractKind, FleetDocument } from "./contract-schemas.ts";
import { describeIssue } from "./describe-issue.ts";
import { describeValue } from "./describe-value.ts";
import { joinWords } from "./join-words.ts";
import type { Place, Problem } from "./problem.ts";
import { FLEET_FILE, isAppFileName } from "./repository-path.ts";
import { didYouMean, editDistance, suggest } from "./suggest.ts";

/** A valid object of one of our kinds, and where its parts stand. */
export type ContractDocument = {
  readonly place: Place;
  placeOf(...path: readonly PropertyKey[]): Place;
} & (
  | { readonly kind: "Fleet"; readonly value: FleetDocument }
  | { readonly kind: "Cluster"; readonly value: ClusterDocument }
  | { readonly kind: "App"; readonly value: AppDocument }
);

export interface DocumentReading {
  readonly documents: readonly ContractDocument[];
  /** Documents that are none of ours: manifests, mostly. */
  readonly foreign: number;
  readonly problems: readonly Problem[];
}

const KINDS = Object.keys(CONTRACT_SCHEMAS) as ContractKind[];
/** Kinds this version knows of and does not take yet. */
const KINDS_TO_COME = ["Rollout", "Project", "Policy", "Access", "Freeze"];

const CONFLICT = /^(<{7}|>{7}) /m;

/**
 * Our objects in a text. What is not ours is passed over, unless all of the file must be ours (`onlyOurs`): there, other
 * objects are errors. Text that is no YAML, an empty file, and something that was surely meant as ours (a typing error in
 * `apiVersion`) are errors everywhere: an App nobody can read must not look deleted.
 */
export function* readDocuments(text: string, file: string, onlyOurs: boolean): Steps<DocumentReading> {
  let yaml: readonly YamlDocument[];
  try {
    yaml = yield* parseYamlInSteps(text);
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    const isTold = onlyOurs || text.includes("axle.dev/");
    // Some other tool's template. Anything else is refused: taken for none of ours, its app would look deleted.
    if (!isTold && text.includes("{{")) return { documents: [], foreign: 1, problems: [] };
    const conflict = CONFLICT.exec(text);
    const fault = conflict === null ? cause.message : "the marks of a merge conflict stand here; resolve it";
    const message = isTold ? fault : `${fault} (a file of this name is an App file; rename it if it is none)`;
    const place = { file, ...(conflict === null ? cause.position : positionIn(text, conflict.index)) };
    return { documents: [], foreign: 0, problems: [{ severity: "error", code: "syntax", message, place }] };
  }
  if (!onlyOurs && yaml.every((document) => document.value === null)) {
    const message = "the file is empty; delete it if its app is to go";
    return {
      documents: [],
      foreign: 0,
      problems: [{ severity: "error", code: "schema", message, place: { file, line: 1, column: 1 } }],
    };
  }
  const documents: ContractDocument[] = [];
  const problems: Problem[] = [];
  let foreign = 0;
  for (const document of yaml) {
    yield undefined;
    const ours = recognise(document.value, text);
    if (ours === "foreign" && !onlyOurs) foreign += 1;
    else if (typeof ours === "object") documents.push(...readDocument(document, { file, kind: ours.kind, problems }));
    else problems.push(notOurs(document, file));
  }
  return { documents, foreign, problems };
}

/** Lists are other tools' (playbooks, pipelines) unless they speak of us; a text alone is nobody's. */
function recognise(value: unknown, text: string): { readonly kind: ContractKind } | "foreign" | "mistaken" {
  const record = asRecord(value);
  if (record === undefined) return Array.isArray(value) && !text.includes("axle.dev/") ? "foreign" : "mistaken";
  const { apiVersion, kind, spec } = record;
  const known = KINDS.find((name) => name === kind);
  if (apiVersion === CONTRACT_API_VERSION) return known === undefined ? "mistaken" : { kind: known };
  if (typeof apiVersion === "string" && apiVersion !== "") {
    const group = apiVersion.split("/")[0] as string;
    const meant = group !== "" && editDistance(group.toLowerCase(), "axle.dev") <= 2;
    return meant && typeof kind === "string" && suggest(kind, KINDS) !== undefined ? "mistaken" : "foreign";
  }
  const { source, clusters } = asRecord(spec) ?? {};
  return known === "Fleet" || (known === "App" && (source !== undefined || clusters !== undefined))
    ? "mistaken"
    : "foreign";
}

/** Why a file that holds other things is read at all. */
function reasonToRead(file: string): string {
  if (file === FLEET_FILE || isAppFileName(file)) return "";
  return `; spec.clusterFiles of ${FLEET_FILE} takes this file in, which may hold nothing but Clusters`;
}

function notOurs(document: YamlDocument, file: string): Problem {
  const why = reasonToRead(file);
  const record = asRecord(document.value);
  const at = (field: string): Pick<Problem, "place" | "field"> => ({
    place: { file, ...document.locate([field], "value") },
    field,
  });
  const error = (message: string, where: Pick<Problem, "place" | "field">): Problem => ({
    severity: "error",
    code: "schema",
    message,
    ...where,
  });
  if (record === undefined) {
    const message = `found ${describeValue(document.value)}, expected an object of ${CONTRACT_API_VERSION}${why}`;
    return error(message, { place: { file, ...document.position } });
  }
  const { apiVersion, kind } = record;
  if (apiVersion !== CONTRACT_API_VERSION) {
    const found = apiVersion === undefined ? "missing" : `found ${describeValue(apiVersion)}`;
    return error(`${found}, expected ${CONTRACT_API_VERSION}${why}`, at("apiVersion"));
  }
  if (typeof kind === "string" && KINDS_TO_COME.includes(kind)) {
    return error(`${kind} is not supported yet by this version; remove it`, at("kind"));
  }
  const hint = typeof kind === "string" ? didYouMean(kind, KINDS) : "";
  return error(
    `${kind === undefined ? "missing" : `found ${describeValue(kind)}`}, expected ${joinWords(KINDS, "or")}${hint}`,
    at("kind"),
  );
}

interface Reading {
  readonly file: string;
  readonly kind: ContractKind;
  readonly problems: Problem[];
}

function readDocument(document: YamlDocument, { file, kind, problems }: Reading): readonly ContractDocument[] {
  const result = CONTRACT_SCHEMAS[kind].safeParse(document.value);
  const inFile = (position: Position): Place => ({ file, line: position.line, column: position.column });
  if (result.success) {
    const placeOf = (...path: readonly PropertyKey[]): Place => inFile(document.locate(path, "key"));
    return [{ kind, value: result.data, place: inFile(document.position), placeOf } as ContractDocument];
  }
  for (const issue of withoutConsequences(result.error.issues)) {
    for (const { path, what, message } of describeIssue(issue, document.value, kind)) {
      const place = inFile(document.locate(path, what));
      problems.push({
        severity: "error",
        code: "schema",
        message,
        place,
        ...(path.length > 0 && { field: formatField(path) }),
      });
    }
  }
  return [];
}

/** A field that is misspelt is missing too, and what is checked of all of them fails: one word about it is enough. */
function withoutConsequences(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  const misspelt = new Map(
    issues.flatMap((issue) =>
      issue.code === "unrecognized_keys" ? [[formatField(issue.path), issue.keys] as const] : [],
    ),
  );
  return issues.filter(({ code, path }) => {
    if (code === "custom") return !misspelt.has(formatField(path));
    if (code !== "invalid_type") return true;
    const beside = misspelt.get(formatField(path.slice(0, -1))) ?? [];
    return !beside.some((key) => suggest(key, [String(path.at(-1))]) !== undefined);
  });
}

/** `spec.layout[0].path` */
export function formatField(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) =>
      typeof step === "number" ? `${text}[${step}]` : text === "" ? String(step) : `${text}.${String(step)}`,
    "",
  );
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}
