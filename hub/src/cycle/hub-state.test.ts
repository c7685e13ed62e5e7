import { describe, expect, test } from "vitest";
import type { FleetRecord, StoredState, StoreEntry } from "../ports.ts";
import { HubState } from "./hub-state.ts";

const fleet: FleetRecord = { name: "acme", head: "h", accepted: "a", problems: [], commits: [], epoch: 1 };
const stored = (more: Partial<StoredState> = {}): StoredState => ({
  fleet,
  apps: new Map(),
  slices: new Map(),
  approvals: new Map(),
  published: new Map(),
  sources: new Map(),
  ...more,
});
const signal = new AbortController().signal;
const audit: StoreEntry = { type: "audit", entry: { atMs: 1, actor: "hub", action: "publish", subject: "web" } };

/** A store whose writes and reads are what the test says. */
function storeOf(answers: { write?: () => Promise<void>; load?: () => Promise<StoredState> }) {
  const { write = async () => undefined, load = async () => stored() } = answers;
  return { write, load };
}

describe("the state of the hub", () => {
  test("gives writers turns, so that each decides from what the one before wrote", async () => {
    const state = new HubState(stored());
    const gate = Promise.withResolvers<void>();
    const store = storeOf({ write: () => gate.promise });
    const change = (more: Partial<FleetRecord>) =>
      state.write(store, () => [{ type: "fleet", record: { ...(state.fleet ?? fleet), ...more } }], signal);
    const both = [change({ head: "h2", accepted: "h2" }), change({ allowedRewrite: "h3" })];
    gate.resolve();
    await Promise.all(both);
    expect(state.fleet).toMatchObject({ head: "h2", accepted: "h2", allowedRewrite: "h3" });
  });

  test("S1: is read again after a write that failed, for it may have been stored", async () => {
    const state = new HubState(stored());
    const lost = storeOf({ write: () => Promise.reject(new Error("no answer")) });
    await expect(state.write(lost, () => [audit], signal)).rejects.toThrow("no answer");
    const slices = new Map([["c1", { number: { epoch: 1, n: 7 }, content: "x" }]]);
    const store = storeOf({ load: async () => stored({ slices }) });
    let seen: number | undefined;
    await state.write(store, () => ((seen = state.slices.get("c1")?.number.n), []), signal);
    expect(seen).toBe(7);
  });

  test("stays unsure until it could be read", async () => {
    const state = new HubState(stored());
    const away = storeOf({
      write: () => Promise.reject(new Error("away")),
      load: () => Promise.reject(new Error("still away")),
    });
    await expect(state.write(away, () => [audit], signal)).rejects.toThrow("away");
    await expect(state.refresh(away, signal)).rejects.toThrow("still away");
    const after = stored({ fleet: { ...fleet, head: "newer" } });
    await state.refresh(storeOf({ load: async () => after }), signal);
    expect(state.fleet?.head).toBe("newer");
  });

  test("has another version only when something changed that a cycle decides from", async () => {
    const state = new HubState(stored());
    const { version } = state;
    await state.write(storeOf({}), () => [audit, { type: "fleet", record: fleet }], signal);
    expect(state.version).toBe(version);
    await state.write(storeOf({}), () => [{ type: "slice-gone", cluster: "c1" }], signal);
    expect(state.version).toBeGreaterThan(version);
  });
});
