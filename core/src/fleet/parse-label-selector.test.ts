import { describe, expect, it } from "vitest";
import { parseLabelSelector } from "./parse-label-selector.ts";

describe("a label selector on a command line", () => {
  it("takes every form kubectl takes", () => {
    const parsed = parseLabelSelector("env=prod, ring!=1,region in (eu, us),zone notin (a),example.com/gpu,!canary,tier==web");
    expect(parsed.ok && parsed.selector.matchExpressions).toEqual([
      { key: "env", operator: "In", values: ["prod"] },
      { key: "ring", operator: "NotIn", values: ["1"] },
      { key: "region", operator: "In", values: ["eu", "us"] },
      { key: "zone", operator: "NotIn", values: ["a"] },
      { key: "example.com/gpu", operator: "Exists", values: [] },
      { key: "canary", operator: "DoesNotExist", values: [] },
      { key: "tier", operator: "In", values: ["web"] },
    ]);
  });

  it("selects everything when it is empty", () => {
    expect(parseLabelSelector("  ")).toMatchObject({ ok: true, selector: { all: true, matchExpressions: [] } });
  });

  it.each(["env=prod,", "env in eu", "=prod", "env=pr od", "env in (e u)", "a=b=c"])(
    "says what is wrong with %s",
    (text) => {
      expect(parseLabelSelector(text)).toMatchObject({ ok: false, message: expect.stringContaining("write env=prod") });
    },
  );
});
