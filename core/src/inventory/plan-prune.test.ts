import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planPrune } from "./plan-prune.ts";

type ByApp = Readonly<Record<string, readonly string[]>>;

function plan(inventories: ByApp, packs: ByApp, heldApps: readonly string[] = []): ByApp {
  return Object.fromEntries(
    planPrune({ inventories: new Map(Object.entries(inventories)), packs: new Map(Object.entries(packs)), heldApps }),
  );
}

describe("planPrune", () => {
  it("takes what no pack has any more", () => {
    expect(plan({ web: ["c", "a", "b"], api: ["d"] }, { web: ["b"], api: ["d"] })).toEqual({ web: ["a", "c"] });
  });

  it("takes all that an app owns that left the slice", () => {
    expect(plan({ web: ["a", "b"] }, {})).toEqual({ web: ["a", "b"] });
  });

  it("S2: hands over an object that moves between apps, and a renamed app", () => {
    expect(plan({ web: ["a", "b"], api: [] }, { web: ["a"], api: ["b"] })).toEqual({});
    expect(plan({ web: ["a", "b"] }, { shop: ["a", "b"] })).toEqual({});
  });

  it("S2: takes nothing while an app of the slice is held", () => {
    expect(plan({ web: ["a"], api: ["b"] }, { web: [] }, ["db"])).toEqual({});
  });

  it("S2: an object in any pack is never in the plan; everything else that is owned is", () => {
    const ids = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 6 });
    const byApp = fc.dictionary(fc.constantFrom("web", "api", "db"), ids, { noNullPrototype: true });
    fc.assert(
      fc.property(byApp, byApp, (inventories, packs) => {
        const declared = new Set(Object.values(packs).flat());
        const deletions = plan(inventories, packs);
        for (const [app, owned] of Object.entries(inventories)) {
          const expected = [...new Set(owned.filter((id) => !declared.has(id)))].sort();
          expect(deletions[app] ?? []).toEqual(expected);
        }
        expect(Object.keys(deletions).every((app) => app in inventories)).toBe(true);
      }),
    );
  });
});
