import { expect, test } from "vitest";
import { Fights } from "./fights.ts";

test("three corrections of the same fields are free, then each waits twice as long, up to five minutes", () => {
  const fights = new Fights();
  const turns = Array.from({ length: 14 }, (_, index) => fights.note("/ConfigMap/n/x", ["data.a"], index));
  expect(turns.map((turn) => turn.delayMs / 1_000)).toEqual([0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  expect(turns.map((turn) => turn.fighting).indexOf(true)).toBe(4);
});

test("other fields, other objects and old times do not count", () => {
  const fights = new Fights();
  for (let turn = 0; turn < 5; turn += 1) fights.note("/ConfigMap/n/x", ["data.a"], turn);
  expect(fights.note("/ConfigMap/n/x", ["data.b"], 5).delayMs).toBe(0);
  expect(fights.note("/ConfigMap/n/y", ["data.a"], 5).delayMs).toBe(0);
  expect(fights.note("/ConfigMap/n/x", ["data.a"], 31 * 60_000)).toEqual({ delayMs: 0, fighting: false });
});

test("who turns a field at every full comparison fights, who does now and then does not", () => {
  const every = (minutes: number) => {
    const fights = new Fights();
    return Array.from({ length: 12 }, (_, turn) => fights.note("/ConfigMap/n/x", ["data.a"], turn * minutes * 60_000));
  };
  expect(every(10).some(({ fighting }) => fighting)).toBe(true);
  expect(every(20).some(({ fighting }) => fighting)).toBe(false);
});
