import fc from "fast-check";
import { expect, test } from "vitest";
import { planUnused } from "./unused-refs.ts";

const refs = new Map([
  ["refs/a", "1"],
  ["refs/b", "2"],
]);

test("a ref goes when it was unused for long enough, counted from when that was first seen", () => {
  const given = { refs, used: new Set(["1"]), keepMs: 10 };
  const first = planUnused({ ...given, before: {}, passedMs: 1_000 });
  expect(first).toEqual({ unusedMs: { "refs/b": 0 }, dropped: [] });
  const second = planUnused({ ...given, before: first.unusedMs, passedMs: 9 });
  expect(second).toEqual({ unusedMs: { "refs/b": 9 }, dropped: [] });
  expect(planUnused({ ...given, before: second.unusedMs, passedMs: 1 })).toEqual({ unusedMs: {}, dropped: ["refs/b"] });
});

test("being used once begins the count anew, and a ref that is gone is not counted", () => {
  const given = { refs, keepMs: 10, passedMs: 9 };
  const used = planUnused({ ...given, used: new Set(["2"]), before: { "refs/b": 9, "refs/gone": 9 } });
  expect(used).toEqual({ unusedMs: { "refs/a": 0 }, dropped: [] });
});

test("no ref in use is ever dropped, and none before its time", () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const turn = fc.record({ used: fc.array<string>(name), passedMs: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(turn), fc.integer({ min: 1, max: 50 }), (turns, keepMs) => {
      const left = new Map<string, string>(["a", "b", "c", "d"].map((each) => [each, each]));
      const unused = new Map<string, number>();
      let before = {};
      for (const { used, passedMs } of turns) {
        for (const ref of left.keys()) unused.set(ref, used.includes(ref) ? 0 : (unused.get(ref) ?? 0) + passedMs);
        const plan = planUnused({ refs: left, used: new Set(used), before, passedMs, keepMs });
        for (const ref of plan.dropped) {
          expect(used).not.toContain(ref);
          expect(unused.get(ref)).toBeGreaterThanOrEqual(keepMs);
          left.delete(ref);
        }
        before = plan.unusedMs;
      }
    }),
  );
});
