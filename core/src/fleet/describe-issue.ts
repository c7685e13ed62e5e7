import type { z } from "zod";
import { describeValue } from "./describe-value.ts";
import { joinWords } from "./join-words.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { ContractKind } from "./contract-schemas.ts";
import { didYouMean, suggest } from "./suggest.ts";

/** One thing wrong with a document, and where. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  /** Whether the key is at fault or the value. */
  readonly what: "key" | "value";
  /** What was found, what was expected, what to do. */
  readonly message: string;
}

/** A schema's complaint about a document in the words a user gets. */
export function describeIssue(issue: z.core.$ZodIssue, document: unknown, kind: ContractKind): readonly Finding[] {
  const { path } = issue;
  const found = valueAt(document, path);
  const value = (message: string): readonly Finding[] => [{ path, what: "value", message }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...path, key],
        what: "key",
        message: `unknown field${placeHint(kind, path, key)}`,
      }));
    case "invalid_key":
      return [{ path, what: "key", message: issue.issues[0]?.message ?? "no valid key" }];
    case "invalid_type":
      return value(
        expectation(found, EXPECTED_AT[String(path.at(-1))] ?? EXPECTED[issue.expected] ?? issue.expected, path),
      );
    case "invalid_value": {
      const allowed = issue.values.map(String);
      const hint = typeof found === "string" ? didYouMean(found, allowed) : "";
      return value(expectation(found, joinWords(allowed, "or"), path) + hint);
    }
    case "invalid_union":
      return value(expectation(found, "text or a mapping", path));
    case "too_small":
      return value(`found ${describeValue(found)}, expected at least one character`);
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "not_multiple_of":
    case "too_big":
      return value(issue.message);
  }
}

/** What to do about the missing fields people ask about most. */
const REMEDIES: Readonly<Record<string, string>> = {
  clusters: "say which clusters, for example matchLabels: { env: prod }, or all: true",
  source: "say where its objects are, for example path: ./manifests",
  spec: "say where its objects are (source) and which clusters get them (clusters)",
};

const EXPECTED: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "true or false",
  number: "a number",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** Where "text" does not say enough. */
const EXPECTED_AT: Readonly<Record<string, string>> = { timeout: "a duration such as 90s or 5m" };

function expectation(found: unknown, expected: string, path: readonly PropertyKey[]): string {
  if (found === undefined) {
    const remedy = REMEDIES[String(path.at(-1))];
    return remedy === undefined ? `missing, expected ${expected}` : `missing; ${remedy}`;
  }
  const quotable = expected === "text" && (typeof found === "number" || typeof found === "boolean");
  return `found ${describeValue(found)}, expected ${expected}${quotable ? "; put it in quotes" : ""}`;
}

function placeHint(kind: ContractKind, path: readonly PropertyKey[], key: string): string {
  const schema = jsonSchemaOf(kind);
  const known = fieldsAt(schema, path);
  const near = suggest(key, known);
  if (near !== undefined) return `; did you mean "${near}"?`;
  const elsewhere = homesOf(schema, key);
  if (elsewhere.length > 0 && elsewhere.length < 3) return `; it belongs at ${joinWords(elsewhere, "or")}`;
  return known.length === 0 ? "" : `; expected ${joinWords(known.toSorted(), "or")}`;
}

function fieldsAt(schema: JsonSchema, path: readonly PropertyKey[]): readonly string[] {
  let at: JsonSchema | undefined = schema;
  for (const step of path) {
    at =
      typeof step === "number"
        ? child(at, "items")
        : (child(child(at, "properties"), String(step)) ?? child(at, "additionalProperties"));
  }
  return Object.keys(child(at, "properties") ?? {});
}

/** Every place of a kind where a field of this name is known, lists as `[]`. */
function homesOf(schema: JsonSchema, key: string, prefix = ""): readonly string[] {
  const properties = Object.entries(child(schema, "properties") ?? {});
  const items = child(schema, "items");
  return [
    ...properties.flatMap(([name, member]) => [
      ...(name === key ? [`${prefix}${name}`] : []),
      ...homesOf(member as JsonSchema, key, `${prefix}${name}.`),
    ]),
    ...(items === undefined ? [] : homesOf(items, key, `${prefix.replace(/\.$/, "")}[].`)),
  ];
}

function child(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const member = schema?.[name];
  return typeof member === "object" && member !== null ? (member as JsonSchema) : undefined;
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.hasOwn(value, step) ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  }
  return value;
}
