import { describe, expect, it } from "vitest";
import type { KubeObject } from "../manifest/object.ts";
import { parseCel, toCelObject } from "./cel-expression.ts";
import { object, type Part } from "./health-case.ts";

const WIDGET = object("example.com/v1", "Widget", {
  spec: { size: 3, ratio: 0.5, mode: "fast" },
  status: {
    observedGeneration: 2,
    phase: "Ready",
    ratio: 1,
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Synced", status: "False" },
    ],
    members: { a: { up: true }, b: { up: false } },
  },
});

function ask(text: string, about: KubeObject = WIDGET): boolean | string {
  const parsed = parseCel(text);
  if ("problem" in parsed) return `refused: ${parsed.problem}`;
  const result = parsed.expression.ask(toCelObject(about));
  return "answer" in result ? result.answer : `problem: ${result.problem}`;
}

describe("an expression", () => {
  it.each([
    ["status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')", true],
    ["status.conditions.exists(e, e.type == 'Synced' && e.status == 'True')", false],
    ["object.status.observedGeneration == object.metadata.generation", true],
    ["status.observedGeneration + 1 == 3", true],
    ["spec.size > 2 && spec.ratio < 1 && status.ratio > 0.5", true],
    ["has(status.phase) && status.phase in ['Ready', 'Idle']", true],
    ["has(status.nothing)", false],
    ["status.?nothing.orValue('none') == 'none'", true],
    ["apiVersion.startsWith('example.com/') && kind == 'Widget'", true],
    ["status.members.exists(name, !status.members[name].up)", true],
    ["size(status.conditions) == 2", true],
    ["status.phase.matches('^Re+a')", true],
    ["timestamp(metadata.creationTimestamp) < timestamp('2030-01-01T00:00:00Z')", true],
    ["true", true],
  ])("%s is %s", (text, answer) => {
    expect(ask(text)).toBe(answer);
  });

  it.each([
    ["status.nothing == 1", /No such key: nothing/],
    ["status.phase", /neither true nor false/],
    ["data.x == 'y'", /data/],
  ])("%s cannot be answered", (text, problem) => {
    expect(ask(text)).toMatch(problem);
    expect(ask(text)).toMatch(/^problem: /);
  });

  it.each([
    ["status.phase ==", /end|EOF|token/i],
    ["", /empty|EOF|token/i],
    ["statsu.phase == 'Ready'", /statsu/],
    ["'text'", /answers with string/],
    ["status.size() + 1", /answers with int/],
    ["status.phase.matches('(')", /./],
    ["now() > 1", /now/],
    ["true || ".repeat(2_000) + "true", /longer than/],
    [`${"(".repeat(100)}true${")".repeat(100)}`, /depth|nest|limit/i],
  ])("%s is refused", (text, problem) => {
    expect(ask(text)).toMatch(/^refused: /);
    expect(ask(text)).toMatch(problem);
  });

  it("sees the fields of an object and nothing of the language it runs in", () => {
    expect(ask("object.constructor == null")).toMatch(/^problem: No such key/);
    expect(ask("object.__proto__ == null")).toMatch(/^problem: No such key/);
  });
});

describe("an expression that would take long", () => {
  const large = (status: Part): KubeObject => object("example.com/v1", "Widget", { status });

  it("is not asked when macros in macros meet a long list", () => {
    const list = Array.from({ length: 2_000 }, (_, index) => index);
    const text = "status.list.all(a, status.list.all(b, a + b >= 0))";
    expect(ask(text, large({ list: [1, 2] }))).toBe(true);
    expect(ask(text, large({ list }))).toBe("problem: the object is too large for this expression");
  });

  it("is not asked when a text would be split into very many parts", () => {
    const text = "status.text.split('').all(a, status.text.split('').all(b, a == b))";
    expect(ask(text, large({ text: "aa" }))).toBe(true);
    expect(ask(text, large({ text: "a".repeat(10_000) }))).toMatch(/too large/);
  });

  it("matches patterns in linear time, whatever they are", () => {
    const started = performance.now();
    expect(ask("status.text.matches('^(a+)+$')", large({ text: `${"a".repeat(5_000)}!` }))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
