import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isClusterName, isNamePattern, matchesNamePattern } from "./name-pattern.ts";

describe("a name pattern", () => {
  test.each([
    ["prod-1", "prod-1", true],
    ["prod-1", "prod-2", false],
    ["edge-*", "edge-7", true],
    ["edge-*", "edge-", true],
    ["edge-*", "hedge-7", false],
    ["*-eu", "prod-eu", true],
    ["*-eu", "prod-eu-1", false],
    ["a*b*c", "abc", true],
    ["a*b*c", "axxbyyc", true],
    ["a*b*c", "ac", false],
    ["a*a", "a", false],
    ["*", "anything", true],
  ])("%s matches %s: %s", (pattern, name, expected) => {
    expect(matchesNamePattern(name, pattern)).toBe(expected);
  });

  test("matches as the regular expression it stands for", () => {
    const part = fc.stringMatching(/^[ab]{0,3}$/);
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), fc.stringMatching(/^[ab]{0,8}$/), (parts, name) => {
        const expected = new RegExp(`^${parts.join(".*")}$`).test(name);
        expect(matchesNamePattern(name, parts.join("*"))).toBe(expected);
      }),
    );
  });

  test("is a DNS label once its stars stand for something", () => {
    expect(["prod-1", "edge-*", "*", "*-eu"].every(isNamePattern)).toBe(true);
    expect(["", "Prod", "a_b", "-a", "a.b", "x".repeat(64)].some(isNamePattern)).toBe(false);
    expect(isClusterName("edge-*")).toBe(false);
  });
});
