import { expect, test } from "vitest";
import { asksCapabilities, findLookup, mayVary } from "./chart-texts.ts";

const chart = (text: string, archives: readonly string[] = []) => ({
  texts: new Map([["c/templates/x.yaml", text]]),
  archives,
});

test.each([
  "{{ randAlphaNum 5 }}",
  '{{- now | date "2006" }}',
  '{{ genCA "x" 365 }}',
  "{{ uuidv4 }}",
  "{{ keys .Values.map | first }}",
  "{{ $v := values $map }}",
  '{{ htpasswd "a"\n "b" }}',
])("%j may render differently each time", (text) => {
  expect(mayVary(chart(text), [])).toBe(true);
});

test.each([
  "{{ .Values.keysize }}",
  "# now is the time: random values",
  "{{ .Values.values }}",
  "{{ toYaml .Values.x | nindent 4 }}",
])("%j renders the same each time", (text) => {
  expect(mayVary(chart(text), [])).toBe(false);
});

test("values may hold templates, and packed charts may hold anything", () => {
  expect(mayVary(chart(""), ['{"a":"{{ randAlpha 5 }}"}'])).toBe(true);
  expect(mayVary(chart("", ["c/charts/sub-1.0.0.tgz"]), [])).toBe(true);
  expect(asksCapabilities(chart("", ["c/charts/sub-1.0.0.tgz"]))).toBe(true);
  expect(asksCapabilities(chart("{{ .Values.x }}"))).toBe(false);
});

test("a lookup is found in templates only", () => {
  expect(findLookup(chart('{{ (lookup "v1" "Secret" "a" "b").data }}'))).toBe("c/templates/x.yaml");
  expect(findLookup(chart("# lookup of things"))).toBeUndefined();
});
