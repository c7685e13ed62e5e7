import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { branchMatcher, branchPatternFault, refFault, writtenRefFault } from "./branch-pattern.ts";

const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,8}$/);
const segment = fc.record({ before: fc.option(word, { nil: "" }), value: word, after: fc.option(word, { nil: "" }) });

describe("the pattern of a branch", () => {
  test("gives back what a branch was made of, where one capture ends at a slash", () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const pattern = segments.map(({ before, after }, index) => `${before}{c${index}}${after}`).join("/");
        const branch = segments.map(({ before, value, after }) => `${before}${value}${after}`).join("/");
        expect(branchPatternFault(pattern)).toBeUndefined();
        const expected = Object.fromEntries(segments.map(({ value }, index) => [`c${index}`, value]));
        expect(branchMatcher(pattern)(branch)).toEqual(expected);
        expect(branchMatcher(pattern)(`${branch}/more`)).toBeUndefined();
      }),
    );
  });

  test("means its other characters as they are", () => {
    expect(branchMatcher("release-1.{minor}")("release-1.4")).toEqual({ minor: "4" });
    expect(branchMatcher("release-1.{minor}")("release-1x4")).toBeUndefined();
    expect(branchMatcher("staging")("staging")).toEqual({});
    expect(branchMatcher("staging")("staging-2")).toBeUndefined();
  });

  test("is matched in one go, however long the name is", () => {
    const pattern = Array.from({ length: 20 }, (_, index) => `a{c${index}}`).join("/");
    const name = `${"a".repeat(100)}/`.repeat(19) + "b";
    const startedMs = performance.now();
    expect(branchMatcher(pattern)(name)).toBeUndefined();
    expect(performance.now() - startedMs).toBeLessThan(500);
  });
});

describe("the name of a branch or tag", () => {
  test.each(["main", "env/prod", "v1.2.0", "feature_x", "a@b", "0123456"])("may be %s", (name) => {
    expect(refFault(name)).toBeUndefined();
  });

  test.each([
    "-x",
    "a..b",
    "a b",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a[",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    "a.lock",
    ".a",
    "a/.b",
    "a.",
    "@",
    "a@{1}",
    "",
    "a\u0000b",
  ])("cannot be %j", (name) => {
    expect(refFault(name)).toBeDefined();
  });

  test("may be written in full for branches and tags alone: other refs are the hub's or the server's", () => {
    expect(writtenRefFault("refs/heads/x")).toBeUndefined();
    expect(writtenRefFault("refs/tags/x")).toBeUndefined();
    for (const ref of ["refs/axle/kept/x", "refs/pull/1/head", "refs/heads/", "refs/x"]) {
      expect(writtenRefFault(ref)).toBeDefined();
    }
  });
});
