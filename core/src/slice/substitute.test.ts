import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { substitute } from "./substitute.ts";

const VALUES = { DOMAIN: "eu.example.com", EMPTY: "", DOLLARS: "$& ${DOMAIN}" };

describe("substitute", () => {
  it.each([
    ["a declared name", "https://${DOMAIN}/", "https://eu.example.com/"],
    ["the same name twice", "${DOMAIN} ${DOMAIN}", "eu.example.com eu.example.com"],
    ["a name with an empty value", "a${EMPTY}b", "ab"],
    ["an undeclared name stays", "${OTHER}", "${OTHER}"],
    ["an escaped name stands for itself", "$${DOMAIN}", "${DOMAIN}"],
    ["an escaped undeclared name stays as it is", "$${OTHER}", "$${OTHER}"],
    ["a value is put in as it is, never replaced again", "${DOLLARS}", "$& ${DOMAIN}"],
    ["shell's other forms stay", "${DOMAIN:-x} $DOMAIN ${1} ${}", "${DOMAIN:-x} $DOMAIN ${1} ${}"],
    ["names of every object stay", "${toString} ${__proto__}", "${toString} ${__proto__}"],
  ])("%s", (_, text, expected) => {
    expect(substitute(text, VALUES)).toBe(expected);
  });

  it("reaches every string value, and no key", () => {
    const value = { "${DOMAIN}": ["${DOMAIN}", { a: "${DOMAIN}", n: 1, t: true, z: null }] };
    const replaced = ["eu.example.com", { a: "eu.example.com", n: 1, t: true, z: null }];
    expect(substitute(value, VALUES)).toEqual({ "${DOMAIN}": replaced });
  });

  it("gives back the very same value when nothing changes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes("${DOMAIN}"));
        expect(substitute(value, { DOMAIN: "x" })).toBe(value);
      }),
    );
  });
});
