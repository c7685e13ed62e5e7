import { expect, test } from "vitest";
import { DeletionBudget } from "./deletion-budget.ts";
import type { DeletionCount } from "./deletion-budget.ts";

const signal = new AbortController().signal;
const START_MS = Date.UTC(2026, 0, 1, 12, 0, 30);

function budgetOf(perHour: number | undefined) {
  const saved: (readonly DeletionCount[])[] = [];
  const clock = { nowMs: START_MS };
  const budget = new DeletionBudget({
    perHour,
    now: () => clock.nowMs,
    save: async (counts) => {
      await Promise.resolve();
      saved.push(counts);
    },
  });
  return { budget, saved, clock };
}

test("what is over the budget waits until an hour has passed, and says until when", async () => {
  const { budget, clock } = budgetOf(2);
  expect(await budget.take(signal)).toBeUndefined();
  clock.nowMs += 10 * 60_000;
  expect(await budget.take(signal)).toBeUndefined();
  expect(await budget.take(signal)).toBe(
    "waits: 2 deletions in an hour are the cluster's budget, room again at 2026-01-01T13:01Z",
  );
  clock.nowMs = START_MS + 61 * 60_000;
  expect(await budget.take(signal)).toBeUndefined();
  expect(await budget.take(signal)).toMatch(/^waits/);
});

test("what was counted is stored before it counts, and a restart begins no new hour", async () => {
  const first = budgetOf(3);
  await Promise.all([first.budget.take(signal), first.budget.take(signal), first.budget.take(signal)]);
  expect(first.saved.at(-1)).toEqual([{ atMs: START_MS - 30_000, count: 3 }]);
  expect(first.saved.length).toBeLessThan(3);
  const second = budgetOf(3);
  second.budget.restore(first.saved.at(-1) ?? []);
  expect(await second.budget.take(signal)).toMatch(/^waits/);
});

test("a budget of none lets nothing pass; without one nothing is counted", async () => {
  expect(await budgetOf(0).budget.take(signal)).toBe(
    "waits: 0 deletions in an hour are the cluster's budget, which has no room at all",
  );
  const free = budgetOf(undefined);
  expect(await free.budget.take(signal)).toBeUndefined();
  expect(free.saved).toEqual([]);
});
