import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readWatchEvents } from "./watch-events.ts";
import type { WatchEvent } from "./watch-events.ts";

const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ü", resourceVersion: "7" } };
const lines = (...events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join("");
const read = async (chunks: readonly Buffer[]) => {
  const events: WatchEvent[] = [];
  for await (const event of readWatchEvents(Readable.from(chunks))) events.push(event);
  return events;
};

test("events are the same however the bytes are cut", async () => {
  const bytes = Buffer.from(
    lines({ type: "ADDED", object }, { type: "BOOKMARK", object }, { type: "DELETED", object }),
  );
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 })), async (cuts) => {
      const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
      const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
      expect(await read(chunks)).toEqual([
        { type: "ADDED", object },
        { type: "BOOKMARK", resourceVersion: "7" },
        { type: "DELETED", object },
      ]);
    }),
  );
});

test("an error event ends the watch with what it says", async () => {
  const status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    reason: "Expired",
    code: 410,
    message: "too old resource version",
  };
  await expect(read([Buffer.from(lines({ type: "ERROR", object: status }))])).rejects.toMatchObject({ code: "gone" });
});

test("what is no watch event is told so", async () => {
  await expect(read([Buffer.from("<html>\n")])).rejects.toMatchObject({ code: "response" });
  await expect(read([Buffer.from('{"type":"ADDED"}\n')])).rejects.toMatchObject({ code: "response" });
});
