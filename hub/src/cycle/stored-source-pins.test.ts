import { expect, test } from "vitest";
import type { StoredState, StoreEntry } from "../ports.ts";
import { HubState } from "./hub-state.ts";
import { StoredSourcePins } from "./stored-source-pins.ts";

const nothing: StoredState = {
  fleet: undefined,
  apps: new Map(),
  slices: new Map(),
  approvals: new Map(),
  published: new Map(),
  sources: new Map([["a", "sha256:01"]]),
};
let nowMs = 1_000;
const signal = new AbortController().signal;

function pinsOver(write: (entries: readonly StoreEntry[]) => Promise<void>): StoredSourcePins {
  return new StoredSourcePins(new HubState(nothing), { load: async () => nothing, write }, () => nowMs);
}

test("what the store holds is remembered from the start", () => {
  const pins = pinsOver(async () => undefined);
  expect([pins.digestOf("a"), pins.digestOf("b")]).toEqual(["sha256:01", undefined]);
});

test("L4: only what is new is written", async () => {
  const written: StoreEntry[] = [];
  const pins = pinsOver(async (entries) => void written.push(...entries));
  const digests = new Map([
    ["a", "sha256:01"],
    ["b", "sha256:02"],
  ]);
  await pins.remember(digests, signal);
  await pins.remember(digests, signal);
  expect(written).toEqual([{ type: "source", key: "b", digest: "sha256:02", usedAtMs: 1_000 }]);
  expect(pins.digestOf("b")).toBe("sha256:02");
});

test("S7: what could not be written is not remembered", async () => {
  const pins = pinsOver(() => Promise.reject(new Error("the lease is lost")));
  await expect(pins.remember(new Map([["b", "sha256:02"]]), signal)).rejects.toThrow("the lease is lost");
  expect(pins.digestOf("b")).toBeUndefined();
});

test("a digest nobody used for long is forgotten, one in use never, and one of an older hub gets its whole time", async () => {
  const written: StoreEntry[] = [];
  const pins = pinsOver(async (entries) => void written.push(...entries));
  nowMs = 0;
  await pins.remember(new Map([["used", "sha256:02"]]), signal);
  await pins.remember(new Map([["unused", "sha256:03"]]), signal);
  const used = new Set(["used"]);
  expect(await pins.collect(used, 100, signal)).toBe(0);
  expect(written.at(-1)).toEqual({ type: "source", key: "a", digest: "sha256:01", usedAtMs: 0 });
  const before = written.length;
  nowMs = 40;
  expect(await pins.collect(used, 100, signal)).toBe(0);
  expect(written).toHaveLength(before);
  nowMs = 99;
  expect(await pins.collect(used, 100, signal)).toBe(0);
  nowMs = 100;
  expect(await pins.collect(used, 100, signal)).toBe(2);
  expect([pins.digestOf("a"), pins.digestOf("unused"), pins.digestOf("used")]).toEqual([
    undefined,
    undefined,
    "sha256:02",
  ]);
  nowMs = 10_000;
  expect(await pins.collect(used, 100, signal)).toBe(0);
  expect(written.at(-1)).toEqual({ type: "source", key: "used", digest: "sha256:02", usedAtMs: 10_000 });
});
