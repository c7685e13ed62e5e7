import { expect, test } from "vitest";
import { LogRing } from "./log-ring.ts";

test("lines are put together from pieces", () => {
  const ring = new LogRing();
  expect(ring.push("stdout", "one\ntw")).toEqual([{ stream: "stdout", text: "one" }]);
  expect(ring.push("stdout", "o\n")).toEqual([{ stream: "stdout", text: "two" }]);
  ring.push("stderr", "unfinished");
  expect(ring.tail()).toBe("one\ntwo\nunfinished");
});

test("only the newest lines are kept, and what is not shown is counted", () => {
  const ring = new LogRing(3);
  ring.push("stdout", "1\n2\n3\n4\n5\n");
  expect(ring.lines().map((line) => line.text)).toEqual(["3", "4", "5"]);
  expect(ring.tail(2)).toBe("(3 earlier lines)\n4\n5");
});

test("a line without an end does not grow for ever", () => {
  const ring = new LogRing();
  for (let piece = 0; piece < 100; piece += 1) ring.push("stdout", "x".repeat(1_000));
  expect(ring.tail().length).toBeLessThan(10_000);
});
