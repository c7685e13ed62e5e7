import { isMap, isScalar, parseAllDocuments } from "yaml";
import type { Document, Pair, Scalar, YAMLMap } from "yaml";
import { resolvePlainScalar } from "@axle/core/manifest/plain-scalar.ts";
import { parseYaml } from "@axle/core/manifest/parse-yaml.ts";
import type { LabelChange } from "./cluster-change.ts";

/**
 * The text of a file with other labels for one of its Cluster objects. Comments, order and layout stay: only the
 * characters of a label that changes are replaced, and only where that cannot be done (no `labels` yet) the document is
 * written anew, which keeps comments too. Undefined when the file holds no such Cluster.
 */
export function editLabels(text: string, cluster: string, change: LabelChange): string | undefined {
  const documents = parse(text);
  const document = documents.find((each) => isCluster(each, cluster));
  if (document === undefined) return undefined;
  const wanted = labelsAfter(document, change);
  const spliced = splice(text, document, change);
  if (spliced !== undefined && hasLabels(spliced, cluster, wanted)) return spliced;
  for (const key of change.remove) document.deleteIn(["metadata", "labels", key]);
  for (const [key, value] of Object.entries(change.set)) {
    document.setIn(["metadata", "labels", scalar(document, key)], scalar(document, value));
  }
  return documents.map((each) => each.toString({ lineWidth: 0, indent: indentOf(text) })).join("");
}

/** A new Cluster file. */
export function writeClusterFile(
  name: string,
  labels: Readonly<Record<string, string>>,
  values: Readonly<Record<string, unknown>>,
): string {
  const lines = ["apiVersion: axle.dev/v1", "kind: Cluster", "metadata:", `  name: ${quote(name)}`];
  const entries = Object.entries(labels);
  if (entries.length > 0)
    lines.push("  labels:", ...entries.map(([key, value]) => `    ${quote(key)}: ${quote(value)}`));
  if (Object.keys(values).length > 0) lines.push("spec:", `  values: ${JSON.stringify(values)}`);
  return `${lines.join("\n")}\n`;
}

/** Whole text as data: what the file says of the labels, as Axle reads it. */
function hasLabels(text: string, cluster: string, wanted: ReadonlyMap<string, string>): boolean {
  for (const { value } of parseYaml(text)) {
    const { metadata } = value as { metadata?: { name?: unknown; labels?: Record<string, unknown> } };
    if (metadata?.name !== cluster) continue;
    const labels = Object.entries(metadata.labels ?? {});
    return labels.length === wanted.size && labels.every(([key, label]) => wanted.get(key) === label);
  }
  return false;
}

/** Replacements in the text itself, last first. Undefined where there is no map of labels to work on. */
function splice(text: string, document: Document, { set, remove }: LabelChange): string | undefined {
  const map = document.getIn(["metadata", "labels"], true);
  if (!isMap(map) || map.items.length === 0) return undefined;
  const pairs = new Map(map.items.map((pair) => [keyOf(pair), pair]));
  const edits: Edit[] = [];
  for (const key of remove) {
    const pair = pairs.get(key);
    if (pair === undefined) continue;
    const edit = removal(text, map, pair);
    if (edit === undefined) return undefined;
    edits.push(edit);
  }
  const added: string[] = [];
  for (const [key, value] of Object.entries(set)) {
    const node = pairs.get(key)?.value;
    if (!pairs.has(key)) added.push(`${quote(key)}: ${quote(value)}`);
    else if (isScalar(node) && node.range && node.type !== "BLOCK_LITERAL" && node.type !== "BLOCK_FOLDED") {
      edits.push({ start: node.range[0], end: node.range[1], text: quote(value) });
    } else return undefined;
  }
  if (added.length > 0) {
    const edit = addition(text, map, added);
    if (edit === undefined) return undefined;
    edits.push(edit);
  }
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((all, edit) => all.slice(0, edit.start) + edit.text + all.slice(edit.end), text);
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A whole line of a block map, with the comment behind it. */
function removal(text: string, map: YAMLMap, pair: Pair): Edit | undefined {
  const start = startOf(pair);
  if (map.flow === true || start === undefined || map.items.length === 1) return undefined;
  const line = text.lastIndexOf("\n", start - 1) + 1;
  const end = text.indexOf("\n", start);
  if (text.slice(line, start).trim() !== "") return undefined;
  return { start: line, end: end < 0 ? text.length : end + 1, text: "" };
}

function addition(text: string, map: YAMLMap, added: readonly string[]): Edit | undefined {
  const last = map.items.at(-1);
  const start = last === undefined ? undefined : startOf(last);
  const value = last?.value as Scalar | null | undefined;
  const end = value?.range?.[1];
  if (start === undefined || end === undefined) return undefined;
  if (map.flow === true) return { start: end, end, text: `, ${added.join(", ")}` };
  const indent = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  if (indent.trim() !== "") return undefined;
  const lineEnd = text.indexOf("\n", end);
  const lines = added.map((line) => `${indent}${line}\n`).join("");
  if (lineEnd < 0) return { start: text.length, end: text.length, text: `\n${lines}` };
  return { start: lineEnd + 1, end: lineEnd + 1, text: lines };
}

function labelsAfter(document: Document, { set, remove }: LabelChange): ReadonlyMap<string, string> {
  const map = document.getIn(["metadata", "labels"], true);
  const labels = new Map<string, string>();
  if (isMap(map)) for (const pair of map.items) labels.set(keyOf(pair), valueOf(pair.value));
  for (const key of remove) labels.delete(key);
  for (const [key, value] of Object.entries(set)) labels.set(key, value);
  return labels;
}

function isCluster(document: Document, name: string): boolean {
  return (
    document.getIn(["kind"]) === "Cluster" &&
    document.getIn(["metadata", "name"]) === name &&
    String(document.getIn(["apiVersion"])).startsWith("axle.dev/")
  );
}

/** In the schema in which every scalar is text: a label "2" must not become a number on the way through. */
function parse(text: string): readonly Document[] {
  const documents = parseAllDocuments(text, { version: "1.1", schema: "failsafe", uniqueKeys: false });
  return Array.isArray(documents) ? documents : [];
}

function keyOf({ key }: Pair): string {
  return valueOf(key);
}

function valueOf(node: unknown): string {
  return isScalar(node) ? String(node.value) : "";
}

function startOf({ key }: Pair): number | undefined {
  return isScalar(key) ? key.range?.[0] : undefined;
}

function scalar(document: Document, value: string): Scalar {
  const node = document.createNode(value) as Scalar;
  if (quote(value) !== value) node.type = "QUOTE_DOUBLE";
  return node;
}

/** Plain where Kubernetes reads it as this text, else in double quotes. */
function quote(text: string): string {
  const plain = resolvePlainScalar(text);
  const isText = plain.kind === "value" && plain.value === text && /^[A-Za-z0-9][\w./-]*$/.test(text);
  return isText && !/^\d{4}-\d/.test(text) ? text : JSON.stringify(text);
}

function indentOf(text: string): number {
  return /^( +)\S/m.exec(text)?.[1]?.length === 4 ? 4 : 2;
}
