import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { formatSeconds, Progress, roughly } from "./progress.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

function record(isTTY: boolean): { output: { isTTY: boolean; write(text: string): void }; written: string[] } {
  const written: string[] = [];
  const output = {
    isTTY,
    write: (text: string) => {
      written.push(text);
    },
  };
  return { output, written };
}

test("a log gets a line at the start, every 20 seconds and at the end", () => {
  const { output, written } = record(false);
  using progress = new Progress("building x", output);
  vi.advanceTimersByTime(45_000);
  progress.finish("built x");
  vi.advanceTimersByTime(60_000);
  expect(written).toEqual([
    "axle: building x …\n",
    "axle: building x … 20s\n",
    "axle: building x … 40s\n",
    "axle: built x (45s)\n",
  ]);
});

test("a terminal gets one line that is drawn again", () => {
  const { output, written } = record(true);
  using progress = new Progress("building x", output);
  vi.advanceTimersByTime(1_000);
  progress.update("linking x");
  expect(written.map((text) => text.replace("\r\u001B[K", "<"))).toEqual([
    "<axle: building x … 0s",
    "<axle: building x … 1s",
    "<axle: linking x … 1s",
  ]);
});

test("times are told as people say them", () => {
  expect(formatSeconds(42_400)).toBe("42s");
  expect(formatSeconds(72_000)).toBe("1m12s");
  expect(roughly(5)).toBe("10 seconds");
  expect(roughly(60)).toBe("60 seconds");
  expect(roughly(220)).toBe("4 minutes");
});
