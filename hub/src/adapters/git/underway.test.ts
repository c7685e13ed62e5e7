import { expect, test } from "vitest";
import { Underway } from "./underway.ts";

const never = new AbortController().signal;
const hurried = { patienceMs: 0, signal: never };

/** Work that ends when the test says so, and how often it was begun. */
function held() {
  const gate = Promise.withResolvers<string>();
  const work = { begun: 0, begin: () => ((work.begun += 1), gate.promise) };
  return { ...gate, work };
}

test("work that is through in time is given, and begun anew the next time", async () => {
  const underway = new Underway<string>(() => expect.unreachable());
  const { work, resolve } = held();
  resolve("there");
  expect(await underway.take("a", work.begin, { patienceMs: 10_000, signal: never })).toBe("there");
  expect(await underway.take("a", work.begin, { signal: never })).toBe("there");
  expect(work.begun).toBe(2);
});

test("work that is late goes on, is not waited for again, and is given once when it has ended", async () => {
  const ended = Promise.withResolvers<void>();
  const underway = new Underway<string>(ended.resolve);
  const { work, resolve } = held();
  expect(await underway.take("a", work.begin, hurried)).toBeUndefined();
  expect(await underway.take("a", work.begin, { patienceMs: 600_000, signal: never })).toBeUndefined();
  expect(underway.has("a")).toBe(true);
  resolve("there");
  await ended.promise;
  expect(await underway.take("a", work.begin, hurried)).toBe("there");
  expect(work.begun).toBe(1);
  expect(underway.has("a")).toBe(false);
});

test("who is not in a hurry waits for what somebody else went on without", async () => {
  const underway = new Underway<string>(() => undefined);
  const { work, resolve } = held();
  await underway.take("a", work.begin, hurried);
  const waiting = underway.take("a", work.begin, { signal: never });
  resolve("there");
  expect(await waiting).toBe("there");
});

test("a failure is told like a result, also when it came late", async () => {
  const ended = Promise.withResolvers<void>();
  const underway = new Underway<string>(ended.resolve);
  const { work, reject } = held();
  await underway.take("a", work.begin, hurried);
  reject(new Error("gone"));
  await ended.promise;
  await expect(underway.take("a", work.begin, hurried)).rejects.toThrow("gone");
});

test("whoever stops waiting ends the waiting, and the work when everything ends", async () => {
  const underway = new Underway<string>(() => expect.unreachable());
  const stop = new AbortController();
  const begin = () =>
    new Promise<string>((_resolve, reject) => {
      underway.signal.addEventListener("abort", () => reject(underway.signal.reason as Error));
    });
  const waiting = underway.take("a", begin, { signal: stop.signal });
  stop.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
  expect(await underway.take("a", begin, hurried)).toBeUndefined();
  await underway[Symbol.asyncDispose]();
  expect(underway.signal.aborted).toBe(true);
});

test("what came of work is forgotten when it counts no more", async () => {
  const ended = Promise.withResolvers<void>();
  const underway = new Underway<string>(ended.resolve);
  const { work, resolve } = held();
  await underway.take("a", work.begin, hurried);
  underway.clear();
  resolve("there");
  await ended.promise;
  underway.clear();
  await underway.take("a", work.begin, { signal: never });
  expect(work.begun).toBe(2);
});
