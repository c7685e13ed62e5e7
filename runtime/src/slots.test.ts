import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { Slots } from "./slots.ts";

const never = new AbortController().signal;

/** Work that ends when the test says so. */
function held(slots: Slots, signal = never) {
  const gate = Promise.withResolvers<void>();
  let isRunning = false;
  const done = slots.run(async () => {
    isRunning = true;
    await gate.promise;
  }, signal);
  return { gate, done, isRunning: () => isRunning };
}

test("so many run at once, and the others in the order they came", async () => {
  const slots = new Slots(2);
  const [a, b, c, d] = [held(slots), held(slots), held(slots), held(slots)];
  await setImmediate();
  expect([a, b, c, d].map(({ isRunning }) => isRunning())).toEqual([true, true, false, false]);
  b.gate.resolve();
  await b.done;
  await setImmediate();
  expect([c.isRunning(), d.isRunning()]).toEqual([true, false]);
  for (const { gate, done } of [a, c, d]) {
    gate.resolve();
    await done;
  }
});

test("work that fails gives its place to the next", async () => {
  const slots = new Slots(1);
  const first = slots.run(() => Promise.reject(new Error("broken")), never);
  const second = slots.run(async () => "fine", never);
  await expect(first).rejects.toThrow("broken");
  expect(await second).toBe("fine");
});

test("who gives up waiting takes no place", async () => {
  const slots = new Slots(1);
  const first = held(slots);
  const stop = new AbortController();
  const second = held(slots, stop.signal);
  const third = held(slots);
  stop.abort(new Error("enough"));
  await expect(second.done).rejects.toThrow("enough");
  first.gate.resolve();
  third.gate.resolve();
  await Promise.all([first.done, third.done]);
  expect(second.isRunning()).toBe(false);
  await expect(slots.run(async () => "fine", stop.signal)).rejects.toThrow("enough");
});
