import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { expect, test } from "vitest";
import type { FetchedSource } from "../source-ports.ts";
import { SourceError } from "./source-error.ts";
import { SourceShelf } from "./source-shelf.ts";

const never = new AbortController().signal;
const branch: SourceRequest = { type: "git", url: "https://git.example.com/a.git", ref: "main" };

interface Stand {
  readonly shelf: SourceShelf;
  /** What was asked, with the pins. */
  readonly asked: (string | undefined)[];
  answer: (pinned: string | undefined) => FetchedSource | Promise<FetchedSource>;
  nowMs: number;
  ready: number;
}

function stand(patienceMs = 5): Stand {
  const asked: (string | undefined)[] = [];
  const made: Stand = {
    asked,
    answer: () => ({ digest: "git:1", tree: "t1" }),
    nowMs: 0,
    ready: 0,
    shelf: new SourceShelf({
      fetchers: {
        git: {
          async fetch(_request, pinned) {
            asked.push(pinned);
            return made.answer(pinned);
          },
        },
      },
      now: () => made.nowMs,
      onReady: () => (made.ready += 1),
      patienceMs,
      backoff: () => new Backoff({ firstMs: 1_000, random: () => 1 }),
    }),
  };
  return made;
}

function fail(code: "unreachable" | "not-found"): () => never {
  return () => {
    throw new SourceError(code, "nobody answers");
  };
}

test("L4: what is pinned, or was remembered meanwhile, is asked for once, however many rounds there are", async () => {
  const { shelf, asked } = stand();
  expect(await shelf.bring(branch, undefined, never)).toEqual({ digest: "git:1", tree: "t1" });
  shelf.nextRound();
  await shelf.bring(branch, "git:1", never);
  await shelf.bring(branch, undefined, never);
  expect(asked).toEqual([undefined]);
});

test("what moves is asked for again in the next round, and once in it", async () => {
  const at = stand();
  at.answer = () => ({ digest: "git:1", tree: "t1", moves: true });
  await at.shelf.bring(branch, undefined, never);
  await at.shelf.bring(branch, undefined, never);
  at.shelf.nextRound();
  at.answer = () => ({ digest: "git:2", tree: "t2", moves: true });
  expect(await at.shelf.bring(branch, undefined, never)).toMatchObject({ tree: "t2" });
  await at.shelf.bring(branch, undefined, never);
  expect(at.asked).toHaveLength(2);
});

test("what moves and cannot be asked for again stays as it was, and says so", async () => {
  const at = stand();
  at.answer = () => ({ digest: "git:1", tree: "t1", moves: true });
  await at.shelf.bring(branch, undefined, never);
  at.shelf.nextRound();
  at.answer = fail("unreachable");
  expect(await at.shelf.bring(branch, undefined, never)).toMatchObject({
    tree: "t1",
    trouble: { code: "unreachable" },
  });
});

test("what failed is tried again ever later, whatever it was", async () => {
  const at = stand();
  at.answer = fail("not-found");
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toMatchObject({ code: "not-found" });
  at.shelf.nextRound();
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toMatchObject({ code: "not-found" });
  expect(at.asked).toHaveLength(1);
  at.nowMs = 1_001;
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toMatchObject({ code: "not-found" });
  at.nowMs = 2_500;
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toMatchObject({ code: "not-found" });
  expect(at.asked).toHaveLength(2);
  at.nowMs = 4_000;
  at.answer = () => ({ digest: "git:1", tree: "t1" });
  expect(await at.shelf.bring(branch, undefined, never)).toMatchObject({ tree: "t1" });
});

test("a lock that says another digest is obeyed at once", async () => {
  const at = stand();
  await at.shelf.bring(branch, undefined, never);
  at.answer = (pinned) => ({ digest: pinned ?? "", tree: "t2" });
  expect(await at.shelf.bring(branch, "git:2", never)).toEqual({ digest: "git:2", tree: "t2" });
  expect(at.asked).toEqual([undefined, "git:2"]);
});

test("a slow source is not waited for for ever, and rings when it is there", async () => {
  const at = stand();
  const { promise, resolve } = Promise.withResolvers<FetchedSource>();
  at.answer = () => promise;
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toThrow(/still being fetched/);
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toMatchObject({ mayPass: true });
  expect(at.asked).toHaveLength(1);
  resolve({ digest: "git:1", tree: "t1" });
  await expect.poll(() => at.ready).toBe(1);
  expect(await at.shelf.bring(branch, undefined, never)).toMatchObject({ tree: "t1" });
});

test("a slow source takes its time from one turn, not from every turn until it is there, nor from the next tries", async () => {
  const at = stand(300);
  const { promise, reject } = Promise.withResolvers<FetchedSource>();
  at.answer = () => promise;
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toThrow(/still being fetched/);
  const startedMs = performance.now();
  for (let turn = 0; turn < 10; turn += 1) await expect(at.shelf.bring(branch, undefined, never)).rejects.toThrow();
  reject(new SourceError("unreachable", "nobody answers"));
  await expect.poll(() => at.ready).toBe(1);
  at.nowMs = 10_000;
  at.answer = () => new Promise(() => undefined);
  await expect(at.shelf.bring(branch, undefined, never)).rejects.toThrow(/nobody answers/);
  expect(at.asked).toHaveLength(2);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

test("a slow source that is there already in an older form does not keep anybody waiting", async () => {
  const at = stand();
  at.answer = () => ({ digest: "git:1", tree: "t1", moves: true });
  await at.shelf.bring(branch, undefined, never);
  at.shelf.nextRound();
  at.answer = () => new Promise(() => undefined);
  expect(await at.shelf.bring(branch, undefined, never)).toMatchObject({ tree: "t1" });
});

test("a type nobody fetches is unsupported", async () => {
  const { shelf } = stand();
  const chart: SourceRequest = { type: "chart", repository: "https://x", name: "a", version: "1.0.0" };
  await expect(shelf.bring(chart, undefined, never)).rejects.toMatchObject({ code: "unsupported" });
});

test("what two commits ask for in turn stays for both, and goes once nobody asks for two rounds", async () => {
  const { shelf, asked } = stand();
  const other: SourceRequest = { type: "git", url: "https://git.example.com/b.git", ref: "main" };
  for (let round = 0; round < 3; round += 1) {
    shelf.nextRound();
    await shelf.bring(branch, "git:1", never);
    shelf.keepOnly([branch]);
    await shelf.bring(other, "git:1", never);
    shelf.keepOnly([other]);
  }
  expect(asked).toHaveLength(2);
  expect(shelf.held.size).toBe(2);
  for (let round = 0; round < 2; round += 1) {
    shelf.nextRound();
    await shelf.bring(other, "git:1", never);
  }
  expect([...shelf.held.keys()]).toEqual(["git https://git.example.com/b.git main"]);
});
