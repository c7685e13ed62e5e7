import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeDeletions } from "./deletion-guard.ts";
import type { DeletionInput, DeletionVerdict } from "./deletion-guard.ts";
import { deletionSetText } from "./deletion-set.ts";

/** The text itself is as good as its hash here. */
const sha256Hex = (text: string): string => text;

function ids(count: number, prefix = "x"): readonly string[] {
  return Array.from({ length: count }, (_, index) => `/ConfigMap/web/${prefix}${String(index).padStart(3, "0")}`);
}

type Case = Partial<Omit<DeletionInput, "inventories" | "deletions">> & {
  readonly owned: Readonly<Record<string, readonly string[]>>;
  readonly lost: Readonly<Record<string, readonly string[]>>;
};

function judge({ owned, lost, ...rest }: Case): ReadonlyMap<string, DeletionVerdict> {
  return judgeDeletions({
    cluster: "c1",
    inventories: new Map(Object.entries(owned)),
    deletions: new Map(Object.entries(lost)),
    removedApps: [],
    approvals: [],
    usedApprovals: new Set(),
    holds: [],
    nowMs: 1000,
    sha256Hex,
    ...rest,
  });
}

/** App -> "allowed" or the reason it waits. */
function decisions(input: Case): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...judge(input)].map(([app, verdict]) => [app, verdict.decision === "waits" ? verdict.reason : verdict.decision]),
  );
}

describe("deletionSetText", () => {
  it("is the same whatever the order, and differs by cluster, app and objects", () => {
    expect(deletionSetText("c1", "web", ["b", "a", "b"])).toBe("axle-deletion-v1\nc1\nweb\na\nb");
  });
});

describe("S4: what waits for a person", () => {
  const MANY = { web: ids(20), other: ids(80, "o") };

  it.each<[string, Case, Readonly<Record<string, string>>]>([
    ["nothing", { owned: MANY, lost: { web: [] } }, {}],
    ["5 of an app's 20 objects: not more than 5", { owned: MANY, lost: { web: ids(5) } }, { web: "allowed" }],
    ["6 of an app's 20 objects: not more than 30 %", { owned: MANY, lost: { web: ids(6) } }, { web: "allowed" }],
    [
      "7 of an app's 20 objects",
      { owned: MANY, lost: { web: ids(7) } },
      { web: "7 of the app's 20 objects would be deleted" },
    ],
    [
      "all 5 objects of a small app",
      { owned: { web: ids(5), other: ids(80, "o") }, lost: { web: ids(5) } },
      { web: "allowed" },
    ],
    [
      "more than 30 % of the cluster, though of no single app",
      { owned: { a: ids(10, "a"), b: ids(10, "b") }, lost: { a: ids(3, "a"), b: ids(4, "b") } },
      { a: "7 of the cluster's 20 objects would be deleted", b: "7 of the cluster's 20 objects would be deleted" },
    ],
    [
      "more than 30 % of the cluster's apps",
      { owned: { a: ids(1, "a"), b: ids(1, "b"), c: ids(1, "c") }, lost: { a: ids(1, "a") }, removedApps: ["a"] },
      { a: "1 of the cluster's 3 apps are removed" },
    ],
    [
      "not one app of four",
      {
        owned: { a: ids(1, "a"), b: ids(1, "b"), c: ids(1, "c"), d: ids(1, "d") },
        lost: { a: ids(1, "a") },
        removedApps: ["a"],
      },
      { a: "allowed" },
    ],
    [
      "an app that left and whose objects all went to another app does not count",
      {
        owned: { a: ids(1, "a"), b: ids(1, "b"), c: ids(1, "c"), d: ids(1, "d") },
        lost: { a: ids(1, "a") },
        removedApps: ["a", "b"],
      },
      { a: "allowed" },
    ],
    [
      "what the hub holds, with its reason",
      { owned: MANY, lost: { web: ids(1) }, holds: [{ app: "web", reason: "the app leaves 2 of its 2 clusters" }] },
      { web: "the app leaves 2 of its 2 clusters" },
    ],
    ...[
      ["/Namespace//web", "Namespace web"],
      ["/PersistentVolume//data", "PersistentVolume data"],
      ["/PersistentVolumeClaim/web/data", "PersistentVolumeClaim web/data"],
      ["apiextensions.k8s.io/CustomResourceDefinition//a.b", "CustomResourceDefinition a.b"],
    ].map(([id, name]): [string, Case, Readonly<Record<string, string>>] => [
      `any ${name}`,
      { owned: { ...MANY, db: [id as string, ...ids(50, "d")] }, lost: { db: [id as string], web: ids(1) } },
      { db: `${name} would be deleted`, web: "allowed" },
    ]),
    [
      "an object that asks for it, and with it its app",
      {
        owned: { web: ids(9), other: ids(9, "o") },
        lost: { web: ids(1), other: ids(1, "o") },
        asking: new Set(ids(1)),
      },
      { web: "ConfigMap web/x000 would be deleted, and asks by annotation for a person's yes", other: "allowed" },
    ],
    [
      "not a kind of another group that is only called Namespace",
      { owned: { db: ["example.com/Namespace//x", ...ids(50)] }, lost: { db: ["example.com/Namespace//x"] } },
      { db: "allowed" },
    ],
  ])("%s", (_title, input, expected) => {
    expect(decisions(input)).toEqual(expected);
  });
});

describe("S4: an approval", () => {
  const owned = { web: ids(10), other: ids(5, "o") };
  const lost = { web: ids(10) };
  const hash = deletionSetText("c1", "web", ids(10));
  const approval = { id: "1", app: "web", hash, expiresAtMs: 1001 };

  it("names the hash of what waits", () => {
    expect(judge({ owned, lost }).get("web")).toMatchObject({ decision: "waits", hash, objects: ids(10) });
  });

  it("lets exactly that set pass", () => {
    expect(judge({ owned, lost, approvals: [approval] }).get("web")).toEqual({
      decision: "allowed",
      objects: ids(10),
      approval: "1",
    });
    expect(judge({ owned, lost: { web: ids(9) }, approvals: [approval] }).get("web")).toMatchObject({
      decision: "waits",
    });
  });

  it("passes what the hub holds, too", () => {
    const holds = [{ app: "web", reason: "left" }];
    expect(judge({ owned, lost, holds, approvals: [approval] }).get("web")).toMatchObject({ decision: "allowed" });
  });

  it.each([
    ["past its time", { approvals: [{ ...approval, expiresAtMs: 1000 }] }],
    ["that was used before", { approvals: [approval], usedApprovals: new Set(["1"]) }],
    ["for another app", { approvals: [{ ...approval, app: "other" }] }],
    ["for another cluster", { approvals: [approval], cluster: "c2" }],
  ])("does not count %s", (_title, rest) => {
    expect(judge({ owned, lost, ...rest }).get("web")).toMatchObject({ decision: "waits" });
  });

  it("does not make the rest wait for what a person already allowed", () => {
    const both = { web: ids(10), other: ids(2, "o") };
    expect(decisions({ owned, lost: both })).toMatchObject({
      other: "12 of the cluster's 15 objects would be deleted",
    });
    expect(decisions({ owned, lost: both, approvals: [approval] })).toEqual({ web: "allowed", other: "allowed" });
  });
});

describe("S4: over random clusters", () => {
  const app = fc.record({ own: fc.integer({ min: 1, max: 30 }), lose: fc.nat(30), removed: fc.boolean() });

  it("nothing large passes without an approval, and a verdict covers exactly what would go", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("a", "b", "c", "d"), app, { noNullPrototype: true }), (apps) => {
        const owned = Object.fromEntries(Object.entries(apps).map(([name, { own }]) => [name, ids(own, name)]));
        const lost = Object.fromEntries(
          Object.entries(apps).map(([name, { own, lose, removed }]) => [
            name,
            ids(removed ? own : Math.min(own, lose), name),
          ]),
        );
        const removedApps = Object.keys(apps).filter((name) => apps[name]?.removed);
        const verdicts = judge({ owned, lost, removedApps });
        for (const [name, objects] of Object.entries(lost)) {
          expect(verdicts.get(name)?.objects ?? []).toEqual(objects);
        }
        const allowed = [...verdicts].filter(([, { decision }]) => decision === "allowed");
        const total = Object.values(owned).flat().length;
        const gone = allowed.flatMap(([, { objects }]) => objects).length;
        expect(gone <= 5 || gone <= total * 0.3).toBe(true);
        for (const [name, { objects }] of allowed) {
          expect(objects.length <= 5 || objects.length <= (owned[name]?.length ?? 0) * 0.3).toBe(true);
        }
        const allowedRemoved = allowed.filter(([name]) => removedApps.includes(name)).length;
        expect(allowedRemoved <= Object.keys(apps).length * 0.3).toBe(true);
      }),
    );
  });
});
