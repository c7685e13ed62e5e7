import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AppReport, ClusterReport } from "@axle/core/status/report.ts";
import { applyReport, UNHEARD } from "./apply-report.ts";

function reportOf(app: string, revision = 1): AppReport {
  const texts = { message: "", healthMessage: "" };
  return {
    app,
    revision,
    commit: "c",
    sync: "Applied",
    health: "Healthy",
    ...texts,
    objects: 1,
    drifts: [],
    pruning: [],
  };
}

const base: ClusterReport = {
  number: 1,
  full: true,
  slice: { epoch: 1, n: 5 },
  applied: false,
  apps: [],
  removed: [],
  timings: [],
  refusal: "",
};

describe("a report", () => {
  test("that is whole replaces what was known; a delta adds to it and takes away", () => {
    const first = applyReport(UNHEARD, { ...base, apps: [reportOf("a"), reportOf("b"), reportOf("c")] });
    const delta = applyReport(first, { ...base, number: 2, full: false, apps: [reportOf("b", 2)], removed: ["c"] });
    expect(Object.values(delta.apps).map(({ app, revision }) => `${app}${revision}`)).toEqual(["a1", "b2"]);
    const whole = applyReport(delta, { ...base, number: 3, apps: [reportOf("d")] });
    expect(Object.keys(whole.apps)).toEqual(["d"]);
    expect(whole.reportNumber).toBe(3);
  });

  test("S9: never takes back what was applied, nor makes a slice applied that was not said to be", () => {
    const slice = fc.record({ epoch: fc.integer({ min: 1, max: 3 }), n: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(fc.record({ slice, applied: fc.boolean() }), { maxLength: 10 }), (said) => {
        let status = UNHEARD;
        said.forEach((one, index) => {
          status = applyReport(status, { ...base, ...one, number: index + 1 });
        });
        const order = ({ epoch, n }: { epoch: number; n: number }) => epoch * 100 + n;
        const applied = said.filter((one) => one.applied).map((one) => order(one.slice));
        const found = status.applied === undefined ? undefined : order(status.applied);
        expect(found).toBe(applied.length === 0 ? undefined : Math.max(...applied));
      }),
    );
  });

  test("brings the steps of a slice bit by bit; those of the newest slices are kept", () => {
    let status = applyReport(UNHEARD, {
      ...base,
      timings: [{ number: { epoch: 1, n: 1 }, steps: { rung: 1, read: 2 } }],
    });
    status = applyReport(status, {
      ...base,
      number: 2,
      timings: [{ number: { epoch: 1, n: 1 }, steps: { applied: 9 } }],
    });
    expect(status.timings).toEqual([{ number: { epoch: 1, n: 1 }, steps: { rung: 1, read: 2, applied: 9 } }]);
    for (let n = 2; n <= 40; n += 1) {
      status = applyReport(status, {
        ...base,
        number: n + 1,
        timings: [{ number: { epoch: 1, n }, steps: { rung: n } }],
      });
    }
    expect(status.timings).toHaveLength(20);
    expect(status.timings[0]?.number.n).toBe(40);
  });

  test("with endless messages is cut to what can be stored", () => {
    const status = applyReport(UNHEARD, { ...base, apps: [{ ...reportOf("a"), message: "x".repeat(1_000_000) }] });
    expect(status.apps["a"]?.message).toHaveLength(2_001);
  });
});
