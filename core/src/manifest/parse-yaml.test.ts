import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { parseYaml, YamlError } from "./parse-yaml.ts";

function parseOne(text: string): unknown {
  const documents = parseYaml(text);
  expect(documents).toHaveLength(1);
  return documents[0]?.value;
}

function errorOf(text: string): YamlError {
  try {
    parseYaml(text);
  } catch (error) {
    if (error instanceof YamlError) return error;
    throw error;
  }
  throw new Error("was read without an error");
}

describe("a plain scalar means what it means to kubectl", () => {
  it.each<[string, unknown]>([
    ["0400", 256],
    ["-0400", -256],
    ["0o400", 256],
    ["0b11", 3],
    ["0xFF", 255],
    ["-0x10", -16],
    ["1_000", 1000],
    ["08", 8],
    ["0899", 899],
    ["+1", 1],
    ["-0", 0],
    ["-0.0", 0],
    ["1e3", 1000],
    ["1.5e3", 1500],
    ["1e+3", 1000],
    [".5", 0.5],
    ["+.5", 0.5],
    ["5.", 5],
    ["1_0.5", 10.5],
    ["9007199254740991", 9_007_199_254_740_991],
    ["yes", true],
    ["Yes", true],
    ["on", true],
    ["y", true],
    ["True", true],
    ["no", false],
    ["Off", false],
    ["n", false],
    ["~", null],
    ["", null],
    ["Null", null],
    ["yEs", "yEs"],
    ["tRUE", "tRUE"],
    ["1:30", "1:30"],
    ["12:30:45", "12:30:45"],
    ["2001-12-14", "2001-12-14"],
    ["2001-12-14T21:59:43.10-05:00", "2001-12-14T21:59:43.10-05:00"],
    ["1.2.3", "1.2.3"],
    ["_1", "_1"],
    ["0x", "0x"],
    ["0x1p3", "0x1p3"],
    ["1e", "1e"],
    ["1e999", "1e999"],
    [".", "."],
    ["=", "="],
    ["100m", "100m"],
    ['"0400"', "0400"],
    ["'yes'", "yes"],
    ["!!str 0400", "0400"],
    ['!!int "12"', 12],
    ["!!bool yes", true],
  ])("%s", (source, value) => {
    expect(parseOne(`a: ${source}`)).toEqual({ a: value });
  });

  it("keys become text as they do in JSON", () => {
    expect(parseOne("1: a\n1.5: b\nyes: c\n0400: d\n")).toEqual({ "1": "a", "1.5": "b", true: "c", "256": "d" });
  });

  it("merges << into what stands before it, and what follows overrides it", () => {
    const text = "m: &m {a: 1, b: 2}\no: &o {b: 3, c: 4}\np: {<<: *m, a: 5}\nq: {a: 5, <<: *m}\nr: {<<: [*m, *o]}\n";
    expect(parseOne(text)).toMatchObject({ p: { a: 5, b: 2 }, q: { a: 1, b: 2 }, r: { a: 1, b: 2, c: 4 } });
  });
});

describe("a text", () => {
  it("may have several documents, empty ones, a byte order mark, CRLF and comments", () => {
    const text = "\uFEFF# first\r\na: 1\r\nb: |\r\n  x\r\n  y\r\n---\r\n# nothing\r\n---\r\nc: 2\r\n...\r\n";
    expect(parseYaml(text).map(({ value }) => value)).toEqual([{ a: 1, b: "x\ny\n" }, { c: 2 }]);
  });

  it("may be JSON, indented with tabs", () => {
    expect(parseOne('{\n\t"a": 1,\n\t"b": ["\\ud83d\\ude00", "a\\/b"]\n}\n')).toEqual({ a: 1, b: ["😀", "a/b"] });
  });

  it("may hold every character that JSON writes as it is", () => {
    const value = { a: "\u007f\u0080\u009f\u2028\ufffd" };
    expect(parseYaml(JSON.stringify(value))[0]?.value).toEqual(value);
  });

  it("keeps __proto__ as an ordinary key", () => {
    const value = parseOne("__proto__: {a: 1}\n") as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it("is read back from canonical JSON unchanged", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        fc.pre(!hasUnsafeNumber(value));
        const [document] = parseYaml(canonicalJson(value));
        expect(canonicalJson(document?.value)).toBe(canonicalJson(value));
      }),
    );
  });

  it("never takes the parser down", () => {
    const piece = fc.constantFrom(
      "a",
      ": ",
      "- ",
      "\n",
      "  ",
      "&a ",
      "*a",
      "<<: ",
      "{",
      "}",
      "[",
      "]",
      "|",
      "'",
      '"',
      "!x ",
      "? ",
      "---\n",
      "\t",
      "%",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          parseYaml(pieces.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(YamlError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("an error says where and what", () => {
  it.each<[string, string, YamlError["code"], number, number, string]>([
    ["tabs", "a:\n\tb: 1\n", "syntax", 2, 1, "tabs are not allowed as indentation; indent with spaces"],
    [
      "a key that is there twice",
      "a: 1\nb: 2\na: 3\n",
      "duplicate-key",
      3,
      1,
      'the key "a" is already in this mapping',
    ],
    ["keys that are the same in JSON", '1: a\n"1": b\n', "duplicate-key", 2, 1, 'the key "1" is already'],
    ["a key that is no text", "a:\n  ~: 1\n", "key", 2, 3, "a key must be text, found null"],
    ["a number that does not fit", "a: 9007199254740993\n", "number", 1, 4, "cannot be kept exactly"],
    ["a number beyond all integers", "a: 123456789012345678901234567890\n", "number", 1, 4, "cannot be kept exactly"],
    ["infinity", "a: .inf\n", "number", 1, 4, ".inf is no number Kubernetes can take"],
    ["a tag nobody knows", "a: !vault x\n", "tag", 1, 11, "the tag !vault means nothing to Kubernetes"],
    ["a tag that does not fit", "a: !!int x\n", "tag", 1, 10, '"x" cannot be read as !!int'],
    ["an alias without an anchor", "a: *x\n", "alias", 1, 4, "*x has no anchor &x before it"],
    ["an alias of itself", "a: &x [*x]\n", "alias", 1, 8, "*x contains itself"],
    ["a control character", 'a: 1\nb: "x\u0000"\n', "syntax", 2, 6, "the character U+0000 is not allowed in YAML"],
    ["a second document", "a: 1\n---\nb: [\n", "syntax", 4, 1, "flow sequence"],
  ])("%s", (...[, text, code, line, column, message]) => {
    const error = errorOf(text);
    expect(error).toMatchObject({ code, position: { line, column } });
    expect(error.message).toContain(message);
  });

  it.each(["a: 31415926535897932384", "a: !!int hunter2hunter2"])(
    "S5: %j is told without the value, which may be a password",
    (text) => {
      const { message } = errorOf(text);
      expect(message).not.toMatch(/415926|hunter2/);
    },
  );

  it("bounds what aliases expand to, and nesting", () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${"*a".padEnd(2)}${i}${`,*a${i}`.repeat(9)}]`,
    );
    expect(errorOf(`a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n${levels.join("\n")}\n`).code).toBe("alias");
    expect(errorOf(`a: ${"[".repeat(100_000)}`).code).toBe("too-deep");
    expect(errorOf(`a: ${"[".repeat(250)}${"]".repeat(250)}`).code).toBe("too-deep");
  });

  it("bounds the nesting that aliases of aliases make", () => {
    const chain = (length: number): string =>
      Array.from({ length }, (_, i) => `a${i}: &a${i} [[${i === 0 ? "x" : `*a${i - 1}`}]]\n`).join("");
    expect(parseYaml(chain(90))).toHaveLength(1);
    expect(errorOf(chain(110)).code).toBe("too-deep");
    const merges = Array.from(
      { length: 300 },
      (_, i) => `m${i}: &m${i} { <<: ${i === 0 ? "{ x: 1 }" : `*m${i - 1}`} }\n`,
    );
    expect(parseYaml(merges.join(""))).toHaveLength(1);
  });
});

describe("locate", () => {
  const [document] = parseYaml("# x\na:\n  b:\n    - c: 1\n    - d: 2\n  yes: 3\n");

  it.each<[readonly PropertyKey[], "key" | "value", number, number]>([
    [["a", "b"], "key", 3, 3],
    [["a", "b", 1, "d"], "key", 5, 7],
    [["a", "b", 1, "d"], "value", 5, 10],
    [["a", "true"], "value", 6, 8],
    [["a", "missing", "deeper"], "value", 2, 1],
    [[], "value", 2, 1],
  ])("finds %j (%s)", (path, what, line, column) => {
    expect(document?.locate(path, what)).toEqual({ line, column });
  });
});

function hasUnsafeNumber(value: unknown): boolean {
  if (typeof value === "number")
    return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUnsafeNumber);
}
