import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import type { Alias, Document, Node, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { finish } from "../steps.ts";
import type { Steps } from "../steps.ts";
import { resolvePlainScalar } from "./plain-scalar.ts";

/** Counts from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlDocument {
  /** JSON values only; may share parts where the text uses aliases, so treat it as read-only. */
  readonly value: unknown;
  readonly position: Position;
  /** Where the value at `path` stands, or its key; for what is not there, the nearest thing around it. */
  locate(path: readonly PropertyKey[], what: "key" | "value"): Position;
}

export class YamlError extends Error {
  override readonly name = "YamlError";
  readonly code: "syntax" | "duplicate-key" | "number" | "tag" | "key" | "alias" | "too-deep";
  readonly position: Position;

  constructor(code: YamlError["code"], message: string, position: Position) {
    super(message);
    this.code = code;
    this.position = position;
  }
}

/** Nesting beyond this is an attack or an accident; custom resource definitions reach about 80. */
const MAX_DEPTH = 200;
/** What aliases may add to a document, roughly in bytes; no object may be larger than 1.5 MB anyway. */
const MAX_ALIAS_BYTES = 10 * 1024 * 1024;

/**
 * Reads every document of a YAML (or JSON) text the way Kubernetes does: see plain-scalar.ts for values; keys become
 * text; `<<` overrides what stands before it. Stricter than kubectl in one thing: a key that is there twice is an error.
 * Documents without content are left out. Throws {@link YamlError}.
 */
export function parseYaml(text: string): readonly YamlDocument[] {
  return finish(parseYamlInSteps(text));
}

/** {@link parseYaml}, a little at a time: charts with their definitions render to megabytes, which take seconds. */
export function* parseYamlInSteps(text: string): Steps<readonly YamlDocument[]> {
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  refuseControls(text);
  const composed = yield* composeInSteps(text, lines);
  const documents: YamlDocument[] = [];
  for (const document of composed) {
    const error = document.errors[0];
    if (error !== undefined) throw syntaxError(error, position(error.pos[0]));
    const root = document.contents as Node | null;
    if (root === null || isEmpty(root)) continue;
    documents.push({
      value: new Reader(position).read(root),
      position: position(root.range?.[0] ?? 0),
      locate: (path, what) => position(offsetOf(root, path, what)),
    });
    yield undefined;
  }
  return documents;
}

/** What neither YAML nor JSON allows as it is; the parser here would take them for text. JSON may hold the others. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f]/;

function refuseControls(text: string): void {
  const at = CONTROL.exec(text);
  if (at === null) return;
  const code = at[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  throw new YamlError("syntax", `the character U+${code} is not allowed in YAML`, positionIn(text, at.index));
}

/** Without the parser, which counts lines as it reads. */
export function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

const LEXEMES_PER_STEP = 500;

function* composeInSteps(text: string, lines: LineCounter): Steps<readonly Document[]> {
  const documents: Document[] = [];
  const lexer = new Lexer();
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({ version: "1.1", schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  lines.addNewLine(0);
  try {
    let lexemes = 0;
    for (const lexeme of lexer.lex(text)) {
      for (const token of parser.next(lexeme)) documents.push(...composer.next(token));
      lexemes += 1;
      if (lexemes % LEXEMES_PER_STEP === 0) yield undefined;
    }
    for (const token of parser.end()) documents.push(...composer.next(token));
    documents.push(...composer.end());
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new YamlError("too-deep", "the nesting is too deep to read", { line: 1, column: 1 });
    }
    throw cause;
  }
  return documents;
}

function syntaxError(error: { readonly code: string; readonly message: string }, position: Position): YamlError {
  // The parser recurses: nesting without end exhausts the stack, and it says so in these words.
  if (error.message.startsWith("Maximum call stack")) {
    return new YamlError("too-deep", "the nesting is too deep to read", position);
  }
  const first = (error.message.split("\n")[0] ?? error.message).replace(/[.:]$/, "");
  const text = first.charAt(0).toLowerCase() + first.slice(1);
  return new YamlError("syntax", error.code === "TAB_AS_INDENT" ? `${text}; indent with spaces` : text, position);
}

function isEmpty(root: Node): boolean {
  return isScalar(root) && root.type === "PLAIN" && root.source === "" && root.tag === undefined;
}

interface Read {
  readonly value: unknown;
  /** Roughly the bytes of the value with all aliases written out. */
  readonly size: number;
  /** Levels of the value with all aliases written out. */
  readonly depth: number;
}

/** Turns one document's nodes into values. Aliased parts are read once and shared, their size is counted each time. */
class Reader {
  readonly #position: (offset: number) => Position;
  readonly #anchors = new Map<string, Read | "open">();
  #aliasBytes = 0;
  #depth = 0;

  constructor(position: (offset: number) => Position) {
    this.#position = position;
  }

  read(root: Node): unknown {
    return this.#node(root).value;
  }

  #node(node: Node | null): Read {
    if (node === null) return { value: null, size: 4, depth: 1 };
    if (isAlias(node)) return this.#alias(node);
    const anchor = (node as Scalar).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, "open");
    this.#depth += 1;
    this.#refuseDeep(this.#depth, node);
    const read = isMap(node) ? this.#map(node) : isSeq(node) ? this.#sequence(node) : this.#scalar(node as Scalar);
    this.#depth -= 1;
    if (anchor !== undefined) this.#anchors.set(anchor, read);
    return read;
  }

  #alias(alias: Alias): Read {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      throw this.#error("alias", `*${alias.source} has no anchor &${alias.source} before it`, alias);
    if (target === "open") throw this.#error("alias", `*${alias.source} contains itself`, alias);
    this.#aliasBytes += target.size;
    if (this.#aliasBytes > MAX_ALIAS_BYTES) {
      throw this.#error("alias", `aliases expand to more than ${MAX_ALIAS_BYTES / 1024 / 1024} MiB`, alias);
    }
    // Aliases of aliases make what is deep out of what is flat, and whatever walks the value recurses.
    this.#refuseDeep(this.#depth + target.depth, alias);
    return target;
  }

  #refuseDeep(depth: number, node: Node): void {
    if (depth > MAX_DEPTH) throw this.#error("too-deep", `nested more than ${MAX_DEPTH} levels deep`, node);
  }

  #map(map: YAMLMap): Read {
    this.#allowTags(map, ["tag:yaml.org,2002:map"]);
    const entries = new Map<string, unknown>();
    const declared = new Set<string>();
    let size = 2;
    let depth = 0;
    for (const pair of map.items) {
      const keyNode = pair.key as Node | null;
      const value = this.#node(pair.value as Node | null);
      size += value.size;
      depth = Math.max(depth, isMergeKey(keyNode) ? value.depth - 1 : value.depth);
      if (isMergeKey(keyNode)) {
        for (const [key, member] of this.#merged(value.value, pair.value as Node | null, keyNode))
          entries.set(key, member);
        continue;
      }
      const key = this.#key(keyNode, map);
      if (declared.has(key))
        throw this.#error("duplicate-key", `the key "${key}" is already in this mapping`, keyNode ?? map);
      declared.add(key);
      size += key.length + 4;
      entries.set(key, value.value);
    }
    return { value: objectFrom(entries), size, depth: depth + 1 };
  }

  /** What `<<` brings in: of several mappings the first wins. */
  #merged(value: unknown, node: Node | null, keyNode: Node): Iterable<[string, unknown]> {
    const sources = Array.isArray(value) ? value.toReversed() : [value];
    const merged = new Map<string, unknown>();
    for (const source of sources) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        throw this.#error("key", "<< takes a mapping, or a list of mappings", node ?? keyNode);
      }
      for (const [key, member] of Object.entries(source)) merged.set(key, member);
    }
    return merged;
  }

  #key(node: Node | null, map: YAMLMap): string {
    const { value } = this.#node(node);
    if (value === null || typeof value === "object") {
      throw this.#error(
        "key",
        `a key must be text, found ${value === null ? "null" : "a mapping or list"}`,
        node ?? map,
      );
    }
    return String(value as string | number | boolean);
  }

  #sequence(sequence: YAMLSeq): Read {
    this.#allowTags(sequence, ["tag:yaml.org,2002:seq"]);
    const items = sequence.items.map((item) => this.#node(item as Node | null));
    return {
      value: items.map((item) => item.value),
      size: items.reduce((sum, item) => sum + item.size + 1, 2),
      depth: items.reduce((deepest, item) => Math.max(deepest, item.depth), 0) + 1,
    };
  }

  #scalar(scalar: Scalar): Read {
    const source = scalar.source ?? String(scalar.value);
    const value = this.#scalarValue(scalar, source);
    return { value, size: source.length + 8, depth: 1 };
  }

  #scalarValue(scalar: Scalar, source: string): unknown {
    const tag = scalar.tag?.replace("tag:yaml.org,2002:", "!!");
    if (tag === "!!str" || tag === "!" || tag === "!!timestamp") return source;
    if (tag === undefined && scalar.type !== "PLAIN") return source;
    const expected = tag === undefined ? undefined : SCALAR_TAGS[tag];
    if (tag !== undefined && expected === undefined) throw this.#unknownTag(tag, scalar);
    const resolved = resolvePlainScalar(source);
    if (resolved.kind === "inexact") {
      throw this.#error(
        "number",
        `the number ${hinted(source)} cannot be kept exactly; quote it if the field takes text`,
        scalar,
      );
    }
    if (resolved.kind === "not-finite") {
      throw this.#error(
        "number",
        `${hinted(source)} is no number Kubernetes can take; quote it if it is meant as text`,
        scalar,
      );
    }
    if (expected !== undefined && !expected.includes(resolved.value === null ? "null" : typeof resolved.value)) {
      throw this.#error("tag", `"${hinted(source)}" cannot be read as ${tag}`, scalar);
    }
    return resolved.value;
  }

  #allowTags(node: YAMLMap | YAMLSeq, allowed: readonly string[]): void {
    if (node.tag !== undefined && !allowed.includes(node.tag)) throw this.#unknownTag(node.tag, node);
  }

  #unknownTag(tag: string, node: Node): YamlError {
    return this.#error("tag", `the tag ${tag} means nothing to Kubernetes; write the value without it`, node);
  }

  #error(code: YamlError["code"], message: string, node: Node): YamlError {
    return new YamlError(code, message, this.#position(node.range?.[0] ?? 0));
  }
}

/** As much of a value as finds it again: it may be a password of nothing but digits. */
function hinted(source: string): string {
  return source.length <= 6 ? source : `${source.slice(0, 3)}… (${source.length} characters)`;
}

const SCALAR_TAGS: Readonly<Record<string, readonly string[]>> = {
  "!!int": ["number"],
  "!!float": ["number"],
  "!!bool": ["boolean"],
  "!!null": ["null"],
};

function isMergeKey(node: Node | null): node is Scalar {
  return isScalar(node) && node.type === "PLAIN" && node.source === "<<";
}

/** `__proto__` is an ordinary key of a ConfigMap: it must not reach the prototype. */
function objectFrom(entries: ReadonlyMap<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(entries);
}

function offsetOf(root: Node, path: readonly PropertyKey[], what: "key" | "value"): number {
  let node: Node | null = root;
  let offset = root.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && keyText(item.key) === String(step));
      if (pair === undefined) return offset;
      const key = pair.key as Node;
      const value = pair.value as Node | null;
      node = value;
      offset = (last && what === "value" ? value?.range?.[0] : undefined) ?? key.range?.[0] ?? offset;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)];
      if (item === undefined || item === null) return offset;
      node = item as Node;
      offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function keyText(key: Scalar): string {
  const source = key.source ?? String(key.value);
  if (key.type !== "PLAIN") return source;
  const resolved = resolvePlainScalar(source);
  return resolved.kind === "value" ? String(resolved.value) : source;
}
