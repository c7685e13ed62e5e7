import { describe, expect, it } from "vitest";
import { editDistance, suggest } from "./suggest.ts";

describe("suggest", () => {
  const FIELDS = ["clusters", "source", "dependsOn", "matchLabels", "sync"];

  it.each([
    ["cluster", "clusters"],
    ["depends_on", "dependsOn"],
    ["matchlabels", "matchLabels"],
    ["MatchLabel", "matchLabels"],
    ["suorce", "source"],
    ["replicas", undefined],
    ["x", undefined],
  ])("for %s: %s", (written, expected) => {
    expect(suggest(written, FIELDS)).toBe(expected);
  });

  it("counts swapped neighbours as one", () => {
    expect(editDistance("atuo", "auto")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "abc")).toBe(3);
  });
});
