import { expect, test } from "vitest";
import { asksCapabilities, confinedVariation, findLookups, repetitionOf, type ChartTexts } from "./chart-texts.ts";

const chart = (text: string, more: Partial<ChartTexts> = {}): ChartTexts => ({
  templates: new Map([["c/templates/x.yaml", text]]),
  others: new Map(),
  archives: [],
  unread: { templates: false, others: false },
  ...more,
});

test("a chart varies by what its templates call; prose and data beside them do not count", () => {
  expect(repetitionOf(chart("{{ randAlphaNum 5 }}"), [])).toBe("twice");
  expect(repetitionOf(chart("{{ .Values.keysize }} # now: random values"), [])).toBe("once");
  expect(repetitionOf(chart("", { others: new Map([["c/README.md", "{{ now }}"]]) }), [])).toBe("once");
});

test("where texts become templates, all of them count", () => {
  const tpl = "{{ tpl .Values.x . }}";
  expect(repetitionOf(chart("{{ .Values.x }}"), ['{"a":"{{ randAlpha 5 }}"}'])).toBe("once");
  expect(repetitionOf(chart(tpl), ['{"a":"{{ randAlpha 5 }}"}'])).toBe("twice");
  expect(repetitionOf(chart(tpl, { others: new Map([["c/values.yaml", "x: '{{ now }}'"]]) }), [])).toBe("later");
  expect(repetitionOf(chart(tpl, { unread: { templates: false, others: true } }), [])).toBe("twice");
});

test("what cannot be looked into may be anything", () => {
  const packed = chart("", { archives: ["c/charts/sub-1.0.0.tgz"] });
  expect([repetitionOf(packed, []), asksCapabilities(packed)]).toEqual(["twice", true]);
  const unread = chart("", { unread: { templates: true, others: false } });
  expect([repetitionOf(unread, []), asksCapabilities(unread)]).toEqual(["twice", true]);
  expect(asksCapabilities(chart("{{ .Values.x }}"))).toBe(false);
});

test("a lookup is found in templates only", () => {
  expect(findLookups(chart('{{ (lookup "v1" "Secret" "a" "b").data }}'))).toEqual(["c/templates/x.yaml"]);
  expect(findLookups(chart("# lookup of things"))).toEqual([]);
});

test("what varies is confined to a template of the chart itself that reaches no other", () => {
  const confined = (text: string, path = "c/templates/x.yaml") =>
    confinedVariation(
      chart("", {
        templates: new Map([
          [path, text],
          ["c/templates/y.yaml", "a: b"],
        ]),
      }),
      "c",
    );
  expect(confined("{{ randAlpha 5 }}")).toEqual(new Set(["c/templates/x.yaml"]));
  expect(confined('{{ define "x" }}{{ randAlpha 5 }}{{ end }}')).toBeUndefined();
  expect(confined('{{ $_ := set .Values "x" (randAlpha 5) }}')).toBeUndefined();
  expect(confined("{{ randAlpha 5 }}", "c/charts/sub/templates/x.yaml")).toBeUndefined();
  expect(confined("{{ randAlpha 5 }}{{ tpl .Values.x . }}")).toBeUndefined();
});
