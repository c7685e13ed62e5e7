import { expect, test } from "vitest";
import { Backoff, retryUntilDone } from "./backoff.ts";
import { silentLogger } from "./logger.ts";
import { StopError } from "./stop-error.ts";

test("delays double up to the longest and start again after a reset", () => {
  const backoff = new Backoff({ firstMs: 100, longestMs: 1_000, random: () => 0.9999999 });
  expect([1, 2, 3, 4, 5, 6].map(() => backoff.nextMs())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(100);
});

test("the jitter takes away at most half", () => {
  expect(new Backoff({ firstMs: 100, random: () => 0 }).nextMs()).toBe(50);
});

test("a thousand failures still give a finite delay", () => {
  const backoff = new Backoff({ random: () => 0 });
  for (let i = 0; i < 1_000; i += 1) backoff.nextMs();
  expect(backoff.nextMs()).toBe(150_000);
});

test("retries until it works", async () => {
  const slept: number[] = [];
  let tries = 0;
  const result = await retryUntilDone(
    async () => {
      tries += 1;
      if (tries < 4) throw new Error("away");
      return "here";
    },
    {
      signal: new AbortController().signal,
      log: silentLogger,
      what: "connect",
      backoff: new Backoff({ firstMs: 10, random: () => 0 }),
      sleep: async (ms) => {
        slept.push(ms);
      },
    },
  );
  expect(result).toBe("here");
  expect(slept).toEqual([5, 10, 20]);
});

test("a terminal error is not retried", async () => {
  const error = new StopError("terminal", "wrong password");
  const work = () => Promise.reject(error);
  const signal = new AbortController().signal;
  await expect(retryUntilDone(work, { signal, log: silentLogger, what: "connect" })).rejects.toBe(error);
});
