import { expect, it } from "vitest";
import { formatAge, formatDuration, parseDuration } from "./time.ts";

it.each([
  [400, "now"],
  [1_000, "1s"],
  [59_999, "59s"],
  [300_000, "5m"],
  [301_000, "5m1s"],
  [3_600_000, "1h"],
  [5_400_000, "1h30m"],
  [90_000_000, "1d1h"],
  [12 * 86_400_000 + 3_600_000, "12d"],
])("an age of %i ms reads %s", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

it.each([
  [184.4, "184 ms"],
  [2_310, "2.31 s"],
  [65_000, "1m 5s"],
])("a duration of %f ms reads %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it("durations are taken with their unit and in no other form", () => {
  expect(parseDuration("90s")).toBe(90_000);
  expect(parseDuration("1.5h")).toBe(5_400_000);
  expect(parseDuration("7d")).toBe(604_800_000);
  for (const text of ["90", "s", "-1s", "1 h", "1w", ""]) expect(parseDuration(text)).toBeUndefined();
});
