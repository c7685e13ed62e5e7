import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { KubeObject } from "../manifest/object.ts";
import { type CelExpression, type CelObject, parseCel, toCelObject } from "./cel-expression.ts";
import { isFields } from "./object-fields.ts";

/** From the root of an object to one of its fields: names of members, places in lists. */
export type FieldSteps = readonly (string | number)[];

/** A CEL expression read as the fields it leads to instead of their values. */
export interface FieldSelection {
  /** Those of them that the object has; none where a question about one cannot be answered. */
  select(object: KubeObject): readonly FieldSteps[];
}

interface Field {
  readonly steps: FieldSteps;
  readonly value: unknown;
}

/** Names bound by `filter` and `map` around an expression, with what they stand for. */
type Bound = ReadonlyMap<string, Field>;
type Walk = (object: CelObject, bound: Bound) => readonly Field[];

/** `spread`: stands for the members of a list, no longer for the list. */
interface Compiled {
  readonly walk: Walk;
  readonly spread: boolean;
}

class NoSelection extends Error {}

const ROOTS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "spec", "status", "data"]);
const MOST_CHARACTERS = 4_096;
/** Of one object; an expression may not keep an agent busy. */
const MOST_FIELDS = 10_000;

// Only what stands there is of interest, not whether the values fit; questions inside are checked by parseCel.
const grammar = new Environment({ unlistedVariablesAreDyn: true, limits: { maxAstNodes: 1_000, maxDepth: 50 } });

/**
 * The fields an expression selects: members (`spec.replicas`, `metadata.annotations["x/y"]`), places (`spec.ports[0]`),
 * items of a list or members of a mapping by a question (`spec.containers.filter(c, c.name == "app")`, asked of the items,
 * or of the mapping's keys), parts of them (`.map(c, c.image)`), several of these in `[ , ]`.
 */
export function parseCelFields(text: string): { readonly selection: FieldSelection } | { readonly problem: string } {
  if (text.length > MOST_CHARACTERS) return { problem: `longer than ${MOST_CHARACTERS} characters` };
  try {
    const { walk } = compile(grammar.parse(text).ast, []);
    const select = (object: KubeObject) => walk(toCelObject(object), new Map()).map(({ steps }) => steps);
    return { selection: { select } };
  } catch (error) {
    return { problem: (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "" };
  }
}

function compile(node: ASTNode, names: readonly string[]): Compiled {
  const { op } = node;
  if (op === "id") return compileName(node.args, names);
  if (op === "." || op === ".?") return stepInto(compile(node.args[0], names), node.args[1]);
  if (op === "[]" || op === "[?]") return stepInto(compile(node.args[0], names), readIndex(node.args[1]));
  if (op === "rcall") return compileCall(node, names);
  if (op !== "list") throw new NoSelection(`"${textOf(node)}" leads to no field`);
  const parts = node.args.map((part) => compile(part, names));
  return { spread: true, walk: (object, bound) => parts.flatMap(({ walk }) => walk(object, bound)) };
}

function compileName(name: string, names: readonly string[]): Compiled {
  if (names.includes(name)) {
    return { spread: false, walk: (_object, bound) => [bound.get(name)].filter((field) => field !== undefined) };
  }
  if (name === "object") return { spread: false, walk: ({ context }) => [{ steps: [], value: context[name] }] };
  if (!ROOTS.has(name)) throw new NoSelection(`nobody knows "${name}"; begin with object, spec, metadata or data`);
  return {
    spread: false,
    walk: ({ context }) => (Object.hasOwn(context, name) ? [{ steps: [name], value: context[name] }] : []),
  };
}

function stepInto({ walk, spread }: Compiled, step: string | number): Compiled {
  return { spread, walk: (object, bound) => walk(object, bound).flatMap((field) => memberOf(field, step)) };
}

function compileCall(node: ASTNode & { readonly op: "rcall" }, names: readonly string[]): Compiled {
  const [name, target, args] = node.args;
  const [variable, body] = args;
  if ((name !== "filter" && name !== "map") || variable?.op !== "id" || body === undefined || args.length !== 2) {
    throw new NoSelection(`"${name}" leads to no field; filter(x, ...) and map(x, ...) do`);
  }
  const from = compile(target, names);
  const itemsOf: Walk = (object, bound) =>
    from.spread ? from.walk(object, bound) : from.walk(object, bound).flatMap(membersOf);
  const inner = [...names, variable.args];
  if (name === "map") {
    const part = compile(body, inner);
    const walk: Walk = (object, bound) =>
      itemsOf(object, bound).flatMap((item) => part.walk(object, new Map(bound).set(variable.args, item)));
    return { spread: true, walk };
  }
  const question = parseQuestion(textOf(body), inner);
  const walk: Walk = (object, bound) =>
    itemsOf(object, bound).filter((item) => holds(question, object, new Map(bound).set(variable.args, keyed(item))));
  return { spread: true, walk };
}

function parseQuestion(text: string, names: readonly string[]): CelExpression {
  const parsed = parseCel(text, names);
  if ("problem" in parsed) throw new NoSelection(`"${text}": ${parsed.problem}`);
  return parsed.expression;
}

function holds(question: CelExpression, object: CelObject, bound: Bound): boolean {
  const context = { ...object.context, ...Object.fromEntries([...bound].map(([name, { value }]) => [name, value])) };
  const result = question.ask({ ...object, context });
  return "answer" in result && result.answer;
}

/** As CEL has it: a question about a mapping is asked of its keys. */
function keyed(item: Field): Field {
  const last = item.steps.at(-1);
  return typeof last === "string" ? { ...item, value: last } : item;
}

function membersOf({ steps, value }: Field): readonly Field[] {
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item: unknown, index) => [index, item])
    : isFields(value)
      ? Object.entries(value)
      : [];
  return entries.slice(0, MOST_FIELDS).map(([step, member]) => ({ steps: [...steps, step], value: member }));
}

function memberOf({ steps, value }: Field, step: string | number): readonly Field[] {
  const member: unknown = Array.isArray(value)
    ? value[typeof step === "number" ? step : -1]
    : isFields(value) && Object.hasOwn(value, step)
      ? value[step]
      : undefined;
  return member === undefined ? [] : [{ steps: [...steps, step], value: member }];
}

function readIndex(node: ASTNode): string | number {
  if (node.op === "value" && typeof node.args === "string") return node.args;
  if (node.op === "value" && typeof node.args === "bigint") return Number(node.args);
  throw new NoSelection(`[${textOf(node)}] names no member; write a text or a number`);
}

function textOf(node: ASTNode): string {
  return node.input.slice(node.range.start, node.range.end);
}
