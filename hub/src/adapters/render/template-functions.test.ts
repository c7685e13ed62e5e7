import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { functionsIn, mayVary, STABLE_FUNCTIONS } from "./template-functions.ts";

describe("functions a template calls", () => {
  test.each([
    ["{{ .Values.now }}", []],
    ["{{ $now }} {{ $.Values.keys }} {{ (index .a 0).now }}", ["index"]],
    ['{{- now | date "2006" -}}', ["now", "date"]],
    ["{{ \"now\" }} {{ `now }}` }} {{ 'n' }} now {{/* now */}}", []],
    ['{{ printf "}} %s" (randAlpha 3) }}', ["printf", "randAlpha"]],
    ["{{ if eq .a 1e3 }}{{ end }}", ["if", "eq", "end"]],
    ["{{ range $i, $e := .list }}{{ $e | b64enc }}{{ end }}", ["range", "b64enc", "end"]],
    ["{{ not closed now", ["not", "closed", "now"]],
    ["{{\n  now\n}}", ["now"]],
    ["no action now", []],
  ])("%j", (text, expected) => {
    expect(functionsIn(text)).toEqual(expected);
  });
});

describe("whether a chart may render differently each time", () => {
  test.each([
    ["{{ randAlphaNum 5 }}", true],
    ['{{ genCA "x" 3 }}', true],
    ["{{ keys .Values.a }}", true],
    ["{{ values .Values.a }}", true],
    ["{{ aFunctionOfTomorrow }}", true],
    ['{{ derivePassword 1 "long" "p" "u" "s" }}', false],
    ['{{ lookup "v1" "Secret" "a" "b" }}', false],
    ["{{ .Values.rand | sha256sum | quote }}", false],
    ['{{ "now" }}', false],
    ['{{ tpl (printf "{{ %s }}" "now") . }}', true],
    ['{{ tpl "x {{ now }}" . }}', true],
    ["{{ x' }} {{ now }}", true],
    ['{{ "a\\" }} {{ now }}', true],
    ["{{ tpl .Values.text . }}", false],
  ])("%s: %j", (text, varies) => {
    expect(mayVary([text])).toBe(varies);
  });

  test.each([
    ["a quote", '"' + '\\"'.repeat(500_000)],
    ["a character", "'" + "\\'".repeat(500_000)],
    ["a comment", "/* ".repeat(300_000)],
  ])("%s that is never closed costs no more than another text", (_, text) => {
    const startedMs = performance.now();
    expect(mayVary([`{{ ${text}`])).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  test("values that tpl runs count as templates", () => {
    expect(mayVary(["{{ tpl .Values.text . }}", "text: '{{ uuidv4 }}'"])).toBe(true);
  });

  test("no name is in doubt: what is called anywhere in an action is found, whatever stands around it", () => {
    const quoted = fc.constantFrom('"a }} b"', "`c {{ d`", '"\\""', "/* e */");
    const call = fc.constantFrom(...STABLE_FUNCTIONS, "now", "randAlpha", "tomorrow");
    const piece = fc.oneof(quoted, call, fc.constantFrom(".Values.now", "$now", "(", ")", "|", "1", ":="));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const calls = pieces.filter((one) => /^[a-z]\w*$/i.test(one));
        expect(functionsIn(`x {{- ${pieces.join(" ")} -}} y`)).toEqual(calls);
      }),
    );
  });
});
