import { describe, expect, test } from "vitest";
import { Lanes } from "./lanes.ts";

const soon = { interval: 1, timeout: 4_000 };

/** Lanes, and work that is done when the test says so; the signal stops all of it. */
function lanesOf({ parallel = 4, slowAfterMs = 200 } = {}) {
  const lanes = new Lanes({ parallel, slowAfterMs });
  const stop = new AbortController();
  const running = new Map<string, () => void>();
  const started: string[] = [];
  const most = { running: 0 };
  const run = (name: string, signal = stop.signal): Promise<string> => {
    const work = (end: AbortSignal): Promise<string> => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      started.push(name);
      running.set(name, () => resolve(name));
      most.running = Math.max(most.running, running.size);
      end.addEventListener("abort", () => reject(end.reason as Error));
      return promise.finally(() => running.delete(name));
    };
    return lanes.run(name, work, signal);
  };
  const end = async (name: string): Promise<void> => {
    await expect.poll(() => running.has(name), soon).toBe(true);
    running.get(name)?.();
  };
  /** Is done as soon as it has begun. */
  const quick = async (name: string): Promise<string> => (await Promise.all([run(name), end(name)]))[0];
  const hang = (count: number) => {
    const all = Array.from({ length: count }, (_, at) => run(`slow${at}`));
    for (const one of all) one.catch(() => undefined);
    return all;
  };
  return { lanes, run, end, quick, hang, stop, running, started, most };
}

const slowOnes = ({ running }: { running: ReadonlyMap<string, unknown> }) =>
  [...running.keys()].filter((name) => name.startsWith("slow"));

describe("L2: what takes its time leaves places to what does not", () => {
  test("as soon as it is known to be slow, and from then on at once", async () => {
    const work = lanesOf();
    void work.hang(6);
    expect(await work.quick("a")).toBe("a");
    await expect.poll(() => new Set(work.started).size, soon).toBe(7);
    await expect.poll(() => work.running.size, soon).toBe(4);
    const before = work.started.length;
    expect(await work.quick("b")).toBe("b");
    // Nothing slow was put before it.
    expect(work.started[before]).toBe("b");
    expect(work.most.running).toBe(4);
    work.stop.abort();
  });

  test("and is not starved: half of the places stay with it until it is done", async () => {
    const work = lanesOf();
    const ended: string[] = [];
    const slow = work.hang(6).map(async (one) => ended.push(await one));
    for (let round = 0; ended.length < 6; round += 1) {
      await work.quick(`a${round}`);
      await work.quick(`b${round}`);
      const kept = slowOnes(work);
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(2, 6 - ended.length));
      const before = ended.length;
      await work.end(kept[0] ?? "");
      await expect.poll(() => ended.length, soon).toBe(before + 1);
    }
    await Promise.all(slow);
    expect(ended.toSorted()).toEqual(["slow0", "slow1", "slow2", "slow3", "slow4", "slow5"]);
  });

  test("and has all places while nobody else wants them", async () => {
    const work = lanesOf();
    const slow = work.hang(6);
    for (const name of ["slow0", "slow1"]) await work.end(name);
    await expect.poll(() => slowOnes(work).length, soon).toBe(4);
    await work.quick("a");
    await expect.poll(() => slowOnes(work).length, soon).toBe(4);
    for (const name of ["slow2", "slow3", "slow4", "slow5"]) await work.end(name);
    expect(await Promise.all(slow)).toHaveLength(6);
  });

  test("and counts as quick again once it was quick", async () => {
    const work = lanesOf();
    void work.hang(6);
    await expect.poll(() => new Set(work.started).size, soon).toBe(6);
    await work.end("slow5");
    // Known as slow, it gets a place only beside what nobody wants to have.
    await expect.poll(() => slowOnes(work).length, soon).toBe(4);
    expect(await work.quick("slow5")).toBe("slow5");
    const before = work.started.length;
    expect(await work.quick("slow5")).toBe("slow5");
    expect(work.started[before]).toBe("slow5");
    work.stop.abort();
  });
});

test("no more run at once than there are places, in the order they came", async () => {
  const { run, end, started, most } = lanesOf({ parallel: 2, slowAfterMs: 60_000 });
  const names = ["a", "b", "c", "d"];
  const all = names.map((name) => run(name));
  for (const name of names) await end(name);
  await Promise.all(all);
  expect([started, most.running]).toEqual([names, 2]);
});

test("a single place is kept by whoever has it", async () => {
  const { run, end, quick, running, started } = lanesOf({ parallel: 1 });
  const all = [run("slow"), quick("a")];
  await expect.poll(() => running.has("slow"), soon).toBe(true);
  await end("slow");
  expect([await Promise.all(all), started]).toEqual([
    ["slow", "a"],
    ["slow", "a"],
  ]);
});

test("who waits may give up, and what fails gives its place away", async () => {
  const { lanes, run, end } = lanesOf({ parallel: 1 });
  const stop = new AbortController();
  const first = run("a");
  const second = run("b", stop.signal);
  stop.abort(new Error("gave up"));
  await expect(second).rejects.toThrow("gave up");
  await end("a");
  await first;
  const never = new AbortController().signal;
  await expect(lanes.run("x", () => Promise.reject(new Error("failed")), never)).rejects.toThrow("failed");
  expect(await lanes.run("x", () => Promise.resolve(1), never)).toBe(1);
});
