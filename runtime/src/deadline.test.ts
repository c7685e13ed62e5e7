import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { race, withDeadline } from "./deadline.ts";
import { sleep } from "./sleep.ts";
import { isTimeout } from "./stop-error.ts";

test("work that takes too long is told so with a typed reason", async () => {
  const work = withDeadline({ timeoutMs: 2, what: "read slice" }, (signal) => sleep(60_000, signal));
  const error: unknown = await work.catch((reason: unknown) => reason);
  expect(isTimeout(error)).toBe(true);
  expect(String(error)).toContain("read slice");
});

test("the outer signal ends the work with its own reason, and nothing is left on it", async () => {
  const outer = new AbortController();
  const reason = new Error("newer slice");
  const work = withDeadline({ timeoutMs: 60_000, signal: outer.signal }, (signal) => sleep(60_000, signal));
  outer.abort(reason);
  await expect(work).rejects.toBe(reason);
  expect(getEventListeners(outer.signal, "abort")).toHaveLength(0);
});

test("a promise that ignores signals is raced against one", async () => {
  const stop = new AbortController();
  expect(await race(Promise.resolve(1), stop.signal)).toBe(1);
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  const stuck = race(new Promise(() => undefined), stop.signal);
  stop.abort(new Error("enough"));
  await expect(stuck).rejects.toThrow("enough");
});

test("sleeping ends with the signal and leaves nothing on it", async () => {
  const stop = new AbortController();
  await sleep(1, stop.signal);
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  const slept = sleep(60_000, stop.signal);
  stop.abort(new Error("up"));
  await expect(slept).rejects.toThrow("up");
});
