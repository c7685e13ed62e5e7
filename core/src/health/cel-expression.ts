import { RE2JS } from "@bufbuild/re2";
import { type ASTNode, Environment, type ParseResult } from "@marcbachmann/cel-js";
import type { KubeObject } from "../manifest/object.ts";
import { isFields } from "./object-fields.ts";

/** A question about one object, in CEL, that is answered with true or false. */
export interface CelExpression {
  /** Answers, or says in words why it cannot: a field is missing, the object is too large to be asked this. */
  ask(object: CelObject): { readonly answer: boolean } | { readonly problem: string };
}

/** An object as expressions see it. */
export interface CelObject {
  readonly context: Readonly<Record<string, unknown>>;
  /** Members of its longest list or mapping: what a macro such as `all` walks over at most. */
  readonly longestCollection: number;
  /** Characters of its longest text, which `split` may turn into as many members. */
  readonly longestText: number;
}

/** Fields an expression may name as they stand; any other field of the object is reached through `object`. */
const VARIABLES = ["object", "apiVersion", "kind", "metadata", "spec", "status", "data"] as const;
const MOST_CHARACTERS = 4_096;
/** Expressions come from a repository: one may not keep an agent busy. Nodes times members, once per level of macros. */
const MOST_STEPS = 5_000_000;
const MACROS: ReadonlySet<unknown> = new Set(["all", "exists", "exists_one", "filter", "map"]);

const LINEAR_MATCHES = "matchesLinear";

const environment = createEnvironment();

/**
 * The expression, or what is wrong with it: syntax, a name nobody knows, an answer that is not true or false. `variables`
 * are names it may use beside the object's own; their values stand in the context.
 */
export function parseCel(
  text: string,
  variables: readonly string[] = [],
): { readonly expression: CelExpression } | { readonly problem: string } {
  if (text.length > MOST_CHARACTERS) return { problem: `longer than ${MOST_CHARACTERS} characters` };
  try {
    const parsed = (variables.length === 0 ? environment : createEnvironment(variables)).parse(text);
    const cost = prepare(parsed.ast);
    const { valid, type, error } = parsed.check();
    if (!valid) return { problem: sayError(error) };
    if (type !== "bool" && type !== "dyn") return { problem: `answers with ${type}, expected true or false` };
    return { expression: { ask: (object) => ask(parsed, cost, object) } };
  } catch (error) {
    return { problem: sayError(error) };
  }
}

/** Walks over the object once, so that all expressions about it can share what comes out. Whole numbers become CEL's integers. */
export function toCelObject(object: KubeObject): CelObject {
  const longest = { collection: 1, text: 1 };
  const value = convert(object, longest) as Record<string, unknown>;
  const context: Record<string, unknown> = { object: value };
  for (const name of VARIABLES) if (name !== "object" && Object.hasOwn(value, name)) context[name] = value[name];
  return { context, longestCollection: longest.collection, longestText: longest.text };
}

interface Cost {
  nodes: number;
  /** How deep macros stand in each other. */
  depth: number;
  splits: boolean;
}

function ask(
  parsed: ParseResult,
  cost: Cost,
  object: CelObject,
): { readonly answer: boolean } | { readonly problem: string } {
  const members = Math.max(object.longestCollection, cost.splits ? object.longestText : 1);
  if (cost.nodes * members ** cost.depth > MOST_STEPS)
    return { problem: "the object is too large for this expression" };
  try {
    const answer: unknown = parsed(object.context);
    return typeof answer === "boolean" ? { answer } : { problem: "answers neither true nor false" };
  } catch (error) {
    return { problem: sayError(error) };
  }
}

function createEnvironment(variables: readonly string[] = []): Environment {
  const made = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: { maxAstNodes: 1_000, maxDepth: 50 },
  });
  for (const name of [...VARIABLES, ...variables]) made.registerVariable(name, "dyn");
  // `matches` of the library is a backtracking engine, which a pattern can keep busy for years; this one is linear.
  made.registerFunction(`string.${LINEAR_MATCHES}(string): bool`, (text: string, pattern: string) =>
    compile(pattern).test(text),
  );
  return made;
}

function compile(pattern: string): RE2JS {
  if (pattern.length > 1_000) throw new RangeError("a pattern longer than 1000 characters");
  return RE2JS.compile(pattern);
}

/** Measures an expression, and lets its patterns be matched in linear time. A literal pattern that is none is thrown. */
function prepare(ast: ASTNode): Cost {
  const cost: Cost = { nodes: 0, depth: 0, splits: false };
  const visit = (part: unknown, depth: number): void => {
    if (Array.isArray(part)) {
      for (const member of part) visit(member, depth);
      return;
    }
    if (!isNode(part)) return;
    cost.nodes += 1;
    let below = depth;
    if (part.op === "rcall") {
      const call = part.args as [string, ASTNode, ASTNode[]];
      if (call[0] === "split") cost.splits = true;
      if (call[0] === "matches") {
        call[0] = LINEAR_MATCHES;
        const [pattern] = call[2];
        if (pattern?.op === "value" && typeof pattern.args === "string") compile(pattern.args);
      }
      // What a macro walks over stands outside it.
      if (MACROS.has(call[0])) {
        visit(call[1], depth);
        below = depth + 1;
        cost.depth = Math.max(cost.depth, below);
        visit(call[2], below);
        return;
      }
    }
    visit(part.args, below);
  };
  visit(ast, 0);
  return cost;
}

function isNode(part: unknown): part is ASTNode {
  return isFields(part) && typeof part["op"] === "string" && "args" in part;
}

function convert(value: unknown, longest: { collection: number; text: number }): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === "string") {
    longest.text = Math.max(longest.text, value.length);
    return value;
  }
  if (Array.isArray(value)) {
    longest.collection = Math.max(longest.collection, value.length);
    return value.map((member) => convert(member, longest));
  }
  if (!isFields(value)) return value;
  const entries = Object.entries(value);
  longest.collection = Math.max(longest.collection, entries.length);
  return Object.fromEntries(entries.map(([name, member]) => [name, convert(member, longest)]));
}

/** The library's errors quote the expression over several lines; their summary is one. */
function sayError(error: unknown): string {
  const summary = isSummarised(error) ? error.summary : error instanceof Error ? error.message : String(error);
  return summary.split("\n", 1)[0]?.trim() ?? "";
}

function isSummarised(error: unknown): error is { readonly summary: string } {
  return typeof error === "object" && error !== null && "summary" in error && typeof error.summary === "string";
}
