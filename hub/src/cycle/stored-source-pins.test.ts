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
const signal = new AbortController().signal;

function pinsOver(write: (entries: readonly StoreEntry[]) => Promise<void>): StoredSourcePins {
  return new StoredSourcePins(new HubState(nothing), { load: async () => nothing, write });
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
  expect(written).toEqual([{ type: "source", key: "b", digest: "sha256:02" }]);
  expect(pins.digestOf("b")).toBe("sha256:02");
});

test("S7: what could not be written is not remembered", async () => {
  const pins = pinsOver(() => Promise.reject(new Error("the lease is lost")));
  await expect(pins.remember(new Map([["b", "sha256:02"]]), signal)).rejects.toThrow("the lease is lost");
  expect(pins.digestOf("b")).toBeUndefined();
});
