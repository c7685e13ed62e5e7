import { describe, expect, test } from "vitest";
import type { CommitRecord, FleetRecord, PublishedSlices, StoreEntry } from "../ports.ts";
import { epochOf, fleetEntries } from "./fleet-record.ts";
import type { FleetHistory, TurnResult } from "./fleet-record.ts";

const slicesOf = (count: number, n = 1): PublishedSlices =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`cluster-${index}`, { epoch: 1_790_000_000, n }]));
const commitOf = (commit: string): CommitRecord => ({ commit, subject: "s", steps: {} });
const fleet: FleetRecord = {
  name: "acme",
  head: "a",
  accepted: "a",
  problems: [],
  commits: [commitOf("a")],
  epoch: 5,
};
const history = (more: Partial<FleetHistory> = {}): FleetHistory => ({
  fleet,
  published: new Map(),
  slices: new Map(),
  ...more,
});
const turn = (more: Partial<TurnResult> = {}): TurnResult => ({
  head: { commit: "a", subject: "s" },
  accepted: "a",
  problems: [],
  name: "acme",
  steps: { seen: 1 },
  slices: {},
  nowMs: 1_000_000,
  ...more,
});
const find = <Type extends StoreEntry["type"]>(entries: readonly StoreEntry[], type: Type) =>
  entries.find((entry): entry is Extract<StoreEntry, { type: Type }> => entry.type === type);

describe("the fleet's record", () => {
  test("is not written when nothing is new, whatever the order of a problem's fields", () => {
    expect(fleetEntries(history(), turn())).toEqual([]);
    const before = history({
      fleet: { ...fleet, problems: [{ severity: "error", code: "render", message: "m", app: "web" }] },
    });
    const problems = [{ app: "web", message: "m", code: "render", severity: "error" }] as const;
    expect(fleetEntries(before, turn({ problems }))).toEqual([]);
  });

  test("stays small whatever the size of the fleet: slices stand beside it, a message per commit", () => {
    const commits = Array.from({ length: 50 }, (_, index) => commitOf(`${index}`.padStart(40, "0")));
    const head = { commit: "f".repeat(40), subject: "next" };
    const before = history({ fleet: { ...fleet, commits } });
    const entries = fleetEntries(before, turn({ head, accepted: head.commit, slices: slicesOf(1_000) }));
    expect(JSON.stringify(find(entries, "fleet")?.record).length).toBeLessThan(10_000);
    expect(find(entries, "fleet")?.record.commits).toHaveLength(50);
    expect(Object.keys(find(entries, "published")?.slices ?? {})).toHaveLength(1_000);
  });

  test("stays small whatever problems say and commits are called, and is not written again for it", () => {
    const problem = (index: number) =>
      ({ severity: "error", code: "render", message: `${"x".repeat(20_000)}${index}`, app: `app-${index}` }) as const;
    const problems = Array.from({ length: 1_000 }, (_, index) => problem(index));
    const head = { commit: "b", subject: "s".repeat(10_000_000) };
    const [entry] = fleetEntries(history(), turn({ head, problems }));
    const record = entry?.type === "fleet" ? entry.record : undefined;
    expect(JSON.stringify(record).length).toBeLessThan(3 * 1024 * 1024);
    expect(record?.problems[0]?.app).toBe("app-0");
    expect(record?.problems.at(-1)?.message).toMatch(/^and \d+ more/);
    expect(fleetEntries(history({ fleet: record }), turn({ head, problems }))).toEqual([]);
  });

  test("drops what a commit published when it drops the commit", () => {
    const before = history({ published: new Map([["long-ago", slicesOf(1)]]) });
    const entries = fleetEntries(before, turn({ head: { commit: "b", subject: "" }, accepted: "b" }));
    expect(find(entries, "published-gone")).toEqual({ type: "published-gone", commit: "long-ago" });
  });

  test("counts slices for the commit they are of, not for a head that was refused", () => {
    const entries = fleetEntries(history(), turn({ head: { commit: "bad", subject: "" }, slices: slicesOf(1) }));
    expect(find(entries, "published")?.commit).toBe("a");
  });

  test("keeps the first number a commit gave a cluster", () => {
    const before = history({ published: new Map([["a", slicesOf(1, 3)]]) });
    const entries = fleetEntries(before, turn({ slices: slicesOf(2, 9) }));
    expect(Object.values(find(entries, "published")?.slices ?? {}).map(({ n }) => n)).toEqual([3, 9]);
  });

  test("takes the epoch of slices that were written before there was a record", () => {
    const slices = new Map([["c", { number: { epoch: 7, n: 1 }, content: "x" }]]);
    expect(epochOf({ fleet: undefined, slices }, 9_000)).toBe(7);
    expect(epochOf({ fleet: undefined, slices: new Map() }, 9_000)).toBe(9);
    expect(epochOf({ fleet, slices }, 9_000)).toBe(5);
  });
});
