import { expect, test } from "vitest";
import { KeyedQueue } from "./keyed-queue.ts";
import type { KeyWork } from "./keyed-queue.ts";
import { silentLogger } from "./logger.ts";
import { StopError } from "./stop-error.ts";

function start(work: KeyWork, concurrency = 1) {
  const queue = new KeyedQueue({ name: "test", work, log: silentLogger, concurrency, backoff: { firstMs: 2 } });
  const stop = new AbortController();
  const ended = queue.run(stop.signal);
  return {
    queue,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

test("a key added many times while it waits is worked on once", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using running = start(async (key) => {
    seen.push(key);
    await gate.promise;
  });
  running.queue.add("first");
  for (let i = 0; i < 5; i += 1) running.queue.add("a");
  running.queue.add("b");
  gate.resolve();
  await running.queue.idle();
  expect(seen).toEqual(["first", "a", "b"]);
});

test("a key added while it is worked on runs once more, never twice at once", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  await using started = start(async () => {
    running += 1;
    runs += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
  }, 4);
  started.queue.add("a");
  started.queue.add("a");
  started.queue.add("a");
  gate.resolve();
  await started.queue.idle();
  expect({ most, runs }).toEqual({ most: 1, runs: 2 });
});

test("no more keys run at once than the concurrency allows", async () => {
  let running = 0;
  let most = 0;
  await using started = start(async () => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
  }, 3);
  for (let i = 0; i < 20; i += 1) started.queue.add(`key-${i}`);
  await started.queue.idle();
  expect(most).toBe(3);
});

test("failed work is tried again until it works", async () => {
  const done = Promise.withResolvers<number>();
  let tries = 0;
  await using started = start(async () => {
    tries += 1;
    if (tries < 3) throw new Error("not yet");
    done.resolve(tries);
  });
  started.queue.add("a");
  expect(await done.promise).toBe(3);
});

test("a terminal failure is not tried again", async () => {
  let tries = 0;
  await using started = start(async (key) => {
    if (key === "b") return;
    tries += 1;
    throw new StopError("terminal", "never");
  });
  started.queue.add("a");
  await started.queue.idle();
  started.queue.add("b");
  await started.queue.idle();
  expect(tries).toBe(1);
});

test("work may ask for its key again later, and an add comes before its time", async () => {
  const twice = Promise.withResolvers<void>();
  let runs = 0;
  await using started = start(async () => {
    runs += 1;
    if (runs === 2) twice.resolve();
    return { againAfterMs: runs === 1 ? 1 : 3_600_000 };
  });
  started.queue.add("a");
  await twice.promise;
  await started.queue.idle();
  started.queue.add("a");
  await started.queue.idle();
  expect(runs).toBe(3);
});

test("stopping waits for what runs and drops what waits", async () => {
  const gate = Promise.withResolvers<void>();
  const seen: string[] = [];
  const queue = new KeyedQueue({
    name: "test",
    log: silentLogger,
    work: async (key) => {
      await gate.promise;
      seen.push(key);
    },
  });
  const stop = new AbortController();
  const ended = queue.run(stop.signal);
  queue.add("a");
  queue.add("b");
  stop.abort();
  gate.resolve();
  await ended;
  expect(seen).toEqual(["a"]);
});
