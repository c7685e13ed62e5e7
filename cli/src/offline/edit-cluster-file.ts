import { isAlias, isMap, isScalar, parseAllDocuments } from "yaml";
import type { Document, Pair, Scalar, YAMLMap } from "yaml";
import { resolvePlainScalar } from "@axle/core/manifest/plain-scalar.ts";
import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import { applyLabelChange } from "./cluster-change.ts";
import type { LabelChange } from "./cluster-change.ts";

/**
 * The text of a file with other labels for one of its Cluster objects. Comments, order and layout stay: only the
 * characters of a label that changes are replaced, and only where that cannot be done the document is written anew, which
 * keeps comments too. Undefined when the file holds no such Cluster, or one with anchors that stand in the way.
 */
export function editLabels(text: string, cluster: string, change: LabelChange): string | undefined {
  const documents = parse(text);
  const document = documents.find((each) => isCluster(each, cluster));
  const labels = labelsIn(text, cluster);
  if (document === undefined || labels === undefined) return undefined;
  const wanted = applyLabelChange(labels, change);
  const spliced = splice(text, document, change);
  if (spliced !== undefined && hasLabels(spliced, cluster, wanted)) return spliced;
  const written = rewrite(text, { documents, document }, change);
  return written !== undefined && hasLabels(written, cluster, wanted) ? written : undefined;
}

function rewrite(
  text: string,
  { documents, document }: { readonly documents: readonly Document[]; readonly document: Document },
  change: LabelChange,
): string | undefined {
  for (const key of change.remove) document.deleteIn(["metadata", "labels", key]);
  for (const [key, value] of Object.entries(change.set)) {
    document.setIn(["metadata", "labels", scalar(document, key)], scalar(document, value));
  }
  try {
    const style = { lineWidth: 0, indent: indentOf(text), indentSeq: !/^( *)[^\s#-].*:\s*\n\1- /m.test(text) };
    const lines = documents.map((each) => each.toString(style)).join("");
    return lines.replaceAll(/\r?\n/g, lineEndOf(text));
  } catch {
    // An alias whose anchor went with its label.
    return undefined;
  }
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

/** What the file says of the labels, as Axle reads it. */
function labelsIn(text: string, cluster: string): Readonly<Record<string, string>> | undefined {
  let documents: ReturnType<typeof parseYaml>;
  try {
    documents = parseYaml(text);
  } catch (error) {
    if (error instanceof YamlError) return undefined;
    throw error;
  }
  for (const { value } of documents) {
    const { metadata } = value as { metadata?: { name?: unknown; labels?: Readonly<Record<string, string>> } };
    if (metadata?.name === cluster) return metadata.labels ?? {};
  }
  return undefined;
}

function hasLabels(text: string, cluster: string, wanted: Readonly<Record<string, string>>): boolean {
  const labels = labelsIn(text, cluster);
  const names = Object.keys(labels ?? {});
  return (
    labels !== undefined &&
    names.length === Object.keys(wanted).length &&
    names.every((key) => Object.hasOwn(wanted, key) && wanted[key] === labels[key])
  );
}

/** Replacements in the text itself, last first. Undefined where that cannot be done. */
function splice(text: string, document: Document, { set, remove }: LabelChange): string | undefined {
  const map = document.getIn(["metadata", "labels"], true);
  if (map === undefined) return begin(text, document, Object.entries(set).map(entryOf(text)));
  if (!isMap(map) || !map.range) return undefined;
  const pairs = new Map(map.items.map((pair) => [keyOf(pair), pair]));
  const edits: (Edit | undefined)[] = [];
  const gone = map.items.filter((pair) => remove.includes(keyOf(pair)));
  const added = Object.entries(set).filter(([key]) => !pairs.has(key));
  for (const [key, value] of Object.entries(set)) {
    const pair = pairs.get(key);
    if (pair !== undefined) edits.push(replacement(text, pair, value));
  }
  if (map.items.length === gone.length) edits.push(emptied(text, map, added.map(entryOf(text))));
  else {
    edits.push(...gone.map((pair) => removal(text, map, pair)));
    if (added.length > 0) edits.push(addition(text, map, added.map(entryOf(text))));
  }
  if (edits.includes(undefined)) return undefined;
  return (edits as Edit[])
    .toSorted((a, b) => b.start - a.start)
    .reduce((all, edit) => all.slice(0, edit.start) + edit.text + all.slice(edit.end), text);
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function entryOf(text: string): (entry: readonly [string, string]) => string {
  return ([key, value]) => `${quoteIn(text, key)}: ${quoteIn(text, value)}`;
}

/** The first labels of a cluster: behind the other metadata, or behind the name where that has lines of its own. */
function begin(text: string, document: Document, added: readonly string[]): string | undefined {
  const map = document.getIn(["metadata"], true);
  if (!isMap(map)) return undefined;
  if (added.length === 0) return text;
  const name = map.items.find((pair) => keyOf(pair) === "name");
  const start = name === undefined ? undefined : startOf(name);
  const end = name === undefined ? undefined : endOf(name);
  if (start === undefined || end === undefined) return undefined;
  if (map.flow === true) {
    const labels = `${quoteIn(text, "labels")}: { ${added.join(", ")} }`;
    return `${text.slice(0, end)}, ${labels}${text.slice(end)}`;
  }
  const indent = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  if (indent.trim() !== "") return undefined;
  const step = " ".repeat(indentOf(text));
  const lines = [`${indent}labels:`, ...added.map((line) => `${indent}${step}${line}`)];
  const edit = linesAfter(text, end, lines);
  return text.slice(0, edit.start) + edit.text + text.slice(edit.end);
}

function replacement(text: string, { value }: Pair, wanted: string): Edit | undefined {
  if (!(isScalar(value) || isAlias(value)) || !value.range) return undefined;
  if (isScalar(value) && (value.type === "BLOCK_LITERAL" || value.type === "BLOCK_FOLDED")) return undefined;
  if (isScalar(value) && value.value === wanted) return { start: value.range[0], end: value.range[0], text: "" };
  return { start: value.range[0], end: value.range[1], text: quoteIn(text, wanted) };
}

/** In the place of all labels there are. */
function emptied(text: string, map: YAMLMap, added: readonly string[]): Edit | undefined {
  const first = map.items[0];
  const last = map.items.at(-1);
  const flow = added.length === 0 ? "{}" : `{ ${added.join(", ")} }`;
  if (map.flow === true && map.range) return { start: map.range[0], end: map.range[1], text: flow };
  if (first === undefined || last === undefined || added.length > 0) return undefined;
  const start = lineOf(text, first);
  const end = lineOf(text, last)?.end;
  if (start === undefined || end === undefined) return undefined;
  // Comments and other text between `labels:` and its first line are for a person.
  const head = /:[ \t]*\r?\n$/.exec(text.slice(0, start.start));
  if (head === null) return undefined;
  return { start: head.index + 1, end, text: ` ${flow}${lineEndOf(text)}` };
}

function removal(text: string, map: YAMLMap, pair: Pair): Edit | undefined {
  if (map.flow !== true) {
    const line = lineOf(text, pair);
    return line === undefined ? undefined : { ...line, text: "" };
  }
  const index = map.items.indexOf(pair);
  const next = map.items[index + 1];
  const previous = map.items[index - 1];
  const start = next === undefined ? previous && endOf(previous) : startOf(pair);
  const end = next === undefined ? endOf(pair) : startOf(next);
  return start === undefined || end === undefined ? undefined : { start, end, text: "" };
}

/** The whole line of a pair in a block map, with the comment behind it; undefined when it shares its line. */
function lineOf(text: string, pair: Pair): { readonly start: number; readonly end: number } | undefined {
  const at = startOf(pair);
  if (at === undefined) return undefined;
  const start = text.lastIndexOf("\n", at - 1) + 1;
  const end = text.indexOf("\n", endOf(pair) ?? at);
  return text.slice(start, at).trim() === "" ? { start, end: end < 0 ? text.length : end + 1 } : undefined;
}

function addition(text: string, map: YAMLMap, added: readonly string[]): Edit | undefined {
  const last = map.items.at(-1);
  const start = last === undefined ? undefined : startOf(last);
  const end = last === undefined ? undefined : endOf(last);
  if (start === undefined || end === undefined) return undefined;
  if (map.flow === true) return { start: end, end, text: `, ${added.join(", ")}` };
  const indent = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  if (indent.trim() !== "") return undefined;
  return linesAfter(
    text,
    end,
    added.map((line) => `${indent}${line}`),
  );
}

/** Lines behind the one that `offset` is on. */
function linesAfter(text: string, offset: number, lines: readonly string[]): Edit {
  const lineEnd = text.indexOf("\n", offset);
  const added = lines.map((line) => `${line}${lineEndOf(text)}`).join("");
  if (lineEnd < 0) return { start: text.length, end: text.length, text: `${lineEndOf(text)}${added}` };
  return { start: lineEnd + 1, end: lineEnd + 1, text: added };
}

function lineEndOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
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

function endOf({ value }: Pair): number | undefined {
  return isScalar(value) || isAlias(value) || isMap(value) ? value.range?.[1] : undefined;
}

/** JSON is YAML, but a file of it stays JSON. */
function quoteIn(text: string, word: string): string {
  return /^\ufeff?\s*\{/.test(text) ? JSON.stringify(word) : quote(word);
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
