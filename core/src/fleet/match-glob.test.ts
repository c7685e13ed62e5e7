import { describe, expect, it } from "vitest";
import { matchesGlob } from "./match-glob.ts";

describe("matchesGlob", () => {
  it.each([
    ["clusters/*.yaml", "clusters/a.yaml", true],
    ["clusters/*.yaml", "clusters/deep/a.yaml", false],
    ["clusters/*.yaml", "clusters/a.yml", false],
    ["clusters/**/*.yaml", "clusters/a.yaml", true],
    ["clusters/**/*.yaml", "clusters/x/y/a.yaml", true],
    ["**/cluster-?.yaml", "a/b/cluster-1.yaml", true],
    ["**/cluster-?.yaml", "cluster-12.yaml", false],
    ["apps/_*", "apps/_lib", true],
    ["apps/_*", "apps/lib", false],
    ["a.b", "axb", false],
    ["a*b*c", "a-b-b-c", true],
    ["a/**/b/**/c", "a/x/b/y/z/b/c", true],
    ["(a+)+", "(a+)+", true],
    ["", "", true],
  ])("%s and %s: %s", (glob, path, expected) => {
    expect(matchesGlob(glob, path)).toBe(expected);
  });

  it("does not take long over a glob made to", () => {
    expect(matchesGlob(`${"*a".repeat(60)}b`, "a".repeat(250))).toBe(false);
    expect(matchesGlob(`${"**/a/".repeat(40)}b`, "a/".repeat(200))).toBe(false);
  });
});
