import { describe, expect, it } from "vitest";
import { LabelSelectorError, parseLabelSelector } from "./parse-label-selector.ts";

describe("parseLabelSelector", () => {
  it("takes every form kubectl takes", () => {
    const text = "env=prod, ring!=1,region in (eu, us),zone notin (a),example.com/gpu,!canary,tier==web";
    expect(parseLabelSelector(text)).toEqual({
      all: false,
      matchLabels: {},
      matchExpressions: [
        { key: "env", operator: "In", values: ["prod"] },
        { key: "ring", operator: "NotIn", values: ["1"] },
        { key: "region", operator: "In", values: ["eu", "us"] },
        { key: "zone", operator: "NotIn", values: ["a"] },
        { key: "example.com/gpu", operator: "Exists", values: [] },
        { key: "canary", operator: "DoesNotExist", values: [] },
        { key: "tier", operator: "In", values: ["web"] },
      ],
      names: [],
    });
  });

  it("selects every cluster when it is empty", () => {
    expect(parseLabelSelector("  ")).toMatchObject({ all: true, matchExpressions: [] });
  });

  it.each([
    ["env=prod,", 'found an empty part in "env=prod,", expected key=value'],
    ["env in eu", 'found "env in eu"'],
    ["=prod", 'found "=prod"'],
    ["env=pr od", 'found "env=pr od"'],
    ["env in (e u)", '"e u" is no label value'],
    ["a=b=c", 'found "a=b=c"'],
    ["a b=c", 'found "a b=c"'],
    ["-a=c", '"-a" is no label name'],
  ])("says what is wrong with %s", (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(LabelSelectorError);
    expect(() => parseLabelSelector(text)).toThrow(message);
  });
});
