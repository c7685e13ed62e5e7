import { describe, expect, it } from "vitest";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import { planPublications } from "./plan-publications.ts";
import type { PublicationInput } from "./plan-publications.ts";

const content = (cluster: string): SliceContent => ({ cluster, apps: [], approvals: [], deletionHolds: [] });

const plan = (given: Partial<PublicationInput>) =>
  planPublications({
    contents: new Map([["c-1", content("c-1")]]),
    stored: new Map(),
    accepted: new Map(),
    epoch: 7,
    digestOf: (slice) => `digest of ${slice.cluster}`,
    ...given,
  }).map(({ content: { cluster }, number }) => ({ cluster, ...number }));

describe("which slices are written", () => {
  it("writes the first slice of a cluster in the hub's epoch", () => {
    expect(plan({})).toEqual([{ cluster: "c-1", epoch: 7, n: 1 }]);
  });

  it("L4: writes nothing for a cluster whose content is what stands in the store", () => {
    const stored = new Map([["c-1", { number: { epoch: 7, n: 4 }, content: "digest of c-1" }]]);
    expect(plan({ stored, accepted: new Map([["c-1", { epoch: 7, n: 4 }]]) })).toEqual([]);
  });

  it("numbers changed content above what stands in the store", () => {
    const stored = new Map([["c-1", { number: { epoch: 7, n: 4 }, content: "older" }]]);
    expect(plan({ stored })).toEqual([{ cluster: "c-1", epoch: 7, n: 5 }]);
  });

  it("S1: writes unchanged content again, above the agent, when the agent accepted a higher number than the store has", () => {
    const stored = new Map([["c-1", { number: { epoch: 7, n: 4 }, content: "digest of c-1" }]]);
    expect(plan({ stored, accepted: new Map([["c-1", { epoch: 7, n: 9 }]]) })).toEqual([
      { cluster: "c-1", epoch: 7, n: 10 },
    ]);
  });

  it("S1: goes on in the agent's epoch when that is above the hub's", () => {
    expect(plan({ accepted: new Map([["c-1", { epoch: 8, n: 2 }]]) })).toEqual([{ cluster: "c-1", epoch: 8, n: 3 }]);
  });
});
