import type { AppReport } from "@axle/core/status/report.ts";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import { describe, expect, it } from "vitest";
import type { DesiredState } from "./ports.ts";
import { ReportBook } from "./report-book.ts";

const settings = { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks: [] };

function desired(n: number, apps: Readonly<Record<string, number>>): DesiredState {
  return {
    number: { epoch: 1, n },
    apps: Object.entries(apps).map(([name, revision]) => ({ name, revision, commit: "c", objects: [], settings })),
    approvals: [],
    deletionHolds: [],
  };
}

function report(app: string, more: Partial<AppReport> = {}): AppReport {
  return {
    app,
    revision: 1,
    commit: "c",
    sync: "Applied",
    message: "",
    health: "Healthy",
    healthMessage: "",
    objects: 1,
    drifts: [],
    pruning: [],
    ...more,
  };
}

function newBook() {
  const changes: number[] = [];
  const book = new ReportBook(() => changes.push(1));
  let number = 0;
  const take = (full = false) => {
    number += 1;
    return book.take({ number, full, clockOffsetMs: 100 });
  };
  return { book, changes, take };
}

describe("the report book", () => {
  it("gives what changed since the last report, and nothing twice", () => {
    const { book, take } = newBook();
    book.app(report("web"));
    book.app(report("api"));
    expect(take().apps.map(({ app }) => app)).toEqual(["web", "api"]);
    book.app(report("web", { health: "Degraded" }));
    expect(take().apps).toEqual([report("web", { health: "Degraded" })]);
    expect(take().apps).toEqual([]);
  });

  it("does not take the same word again for a change", () => {
    const { book, changes } = newBook();
    book.app(report("web"));
    book.app(report("web"));
    book.refuse("");
    expect(changes).toHaveLength(1);
  });

  it("holds every app in a full report", () => {
    const { book, take } = newBook();
    book.app(report("web"));
    take();
    book.app(report("api"));
    expect(take(true).apps.map(({ app }) => app)).toEqual(["web", "api"]);
  });

  it("tells of an app that is gone, unless it came back", () => {
    const { book, take } = newBook();
    book.app(report("web"));
    book.app(report("api"));
    take();
    book.appGone("web");
    book.appGone("api");
    book.app(report("api"));
    expect(take()).toMatchObject({ removed: ["web"], apps: [report("api")] });
  });

  it("tells again of step times that were not acknowledged", () => {
    const { book, take } = newBook();
    book.begin(desired(1, {}), { isNew: true });
    book.step({ epoch: 1, n: 1 }, "rung", 1_000);
    const timing = [{ number: { epoch: 1, n: 1 }, steps: { rung: 1_100 } }];
    expect(take().timings).toEqual(timing);
    expect(take(true).timings).toEqual(timing);
    book.stored();
    expect(take().timings).toEqual([]);
  });

  it("sends all times of a slice together, the first of each step", () => {
    const { book, take } = newBook();
    book.begin(desired(1, {}), { isNew: true });
    book.step({ epoch: 1, n: 1 }, "rung", 1_000);
    take();
    book.stored();
    book.step({ epoch: 1, n: 1 }, "rung", 9_000);
    book.step({ epoch: 1, n: 1 }, "read", 2_000);
    expect(take().timings).toEqual([{ number: { epoch: 1, n: 1 }, steps: { rung: 1_100, read: 2_100 } }]);
  });

  it("keeps the times of a bounded number of slices", () => {
    const { book, take } = newBook();
    for (let n = 1; n <= 100; n += 1) book.step({ epoch: 1, n }, "rung", n);
    const { timings } = take(true);
    expect(timings).toHaveLength(32);
    expect(timings.at(-1)?.number.n).toBe(100);
  });

  it("S9: says applied only when the slice went through and every app of it is applied at its revision", () => {
    const { book, take } = newBook();
    book.begin(desired(1, { web: 1, api: 1 }), { isNew: true });
    book.app(report("web"));
    book.app(report("api"));
    expect(take().applied).toBe(false);
    book.step({ epoch: 1, n: 1 }, "applied", 1_000);
    expect(take()).toMatchObject({ applied: true, slice: { epoch: 1, n: 1 } });
    book.begin(desired(2, { web: 2, api: 1 }), { isNew: true });
    expect(take()).toMatchObject({ applied: false, slice: { epoch: 1, n: 2 } });
    book.step({ epoch: 1, n: 2 }, "applied", 1_000);
    expect(take().applied).toBe(false);
    book.app(report("web", { revision: 2, sync: "Failed" }));
    expect(take().applied).toBe(false);
    book.app(report("web", { revision: 2 }));
    expect(take().applied).toBe(true);
  });

  it("does not tell the hub again when the steps of a slice from before a restart were taken", () => {
    const { book, take } = newBook();
    book.begin(desired(1, {}), { isNew: false });
    book.step({ epoch: 1, n: 1 }, "applied", 1_000);
    expect(take(true)).toMatchObject({ applied: true, timings: [] });
  });

  it("says that the cluster left in every report, until another slice says otherwise", () => {
    const { book, take } = newBook();
    const leaving = { mode: "keep", id: "o-1", expiresAtMs: 0, apps: [] } as const;
    book.begin({ ...desired(1, {}), leaving }, { isNew: true });
    expect(take().left).toBeUndefined();
    book.left({ order: "o-1", what: "done" });
    for (let n = 0; n < 2; n += 1) expect(take().left).toEqual({ order: "o-1", what: "done" });
    book.begin({ ...desired(2, {}), leaving }, { isNew: true });
    expect(book.hasLeft).toBe(true);
    book.begin(desired(3, {}), { isNew: true });
    expect([take().left, book.hasLeft]).toEqual([undefined, false]);
  });

  it("carries the reason of a refusal until it is over", () => {
    const { book, take } = newBook();
    book.refuse("not signed");
    expect(take().refusal).toBe("not signed");
    book.refuse("");
    expect(take().refusal).toBe("");
  });
});
