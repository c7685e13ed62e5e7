import { expect, test } from "vitest";
import { timeOrderedIds } from "./time-ordered-id.ts";

test("ids sort in the order they were made, also within a millisecond and when the clock goes back", () => {
  const times = [1_000, 1_000, 1_001, 999, 1_700_000_000_000];
  const next = timeOrderedIds(() => times.shift() ?? 1_700_000_000_000);
  const ids = Array.from({ length: 200 }, () => next());
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(200);
});
