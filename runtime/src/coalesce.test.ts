import { expect, test } from "vitest";
import { Coalesced } from "./coalesce.ts";

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

test("a slow reader gets the newest item only", async () => {
  const items = new Coalesced<number>();
  items.push(1);
  items.push(2);
  items.push(3);
  items.end();
  expect(await readAll(items)).toEqual([3]);
});

test("held items are merged when a merge is given", async () => {
  const items = new Coalesced<number>({ merge: Math.max });
  items.push(7);
  items.push(3);
  items.end();
  expect(await readAll(items)).toEqual([7]);
});

test("a waiting reader gets an item when it is pushed, and ends with the signal", async () => {
  const stop = new AbortController();
  const items = new Coalesced<string>({ signal: stop.signal });
  const reader = items[Symbol.asyncIterator]();
  const first = reader.next();
  items.push("a");
  expect(await first).toEqual({ value: "a", done: false });
  const second = reader.next();
  stop.abort();
  expect((await second).done).toBe(true);
});
