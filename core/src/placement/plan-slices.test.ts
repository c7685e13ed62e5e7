import { describe, expect, it } from "vitest";
import { DEFAULT_SYNC } from "../fleet/app.ts";
import type { AppRecord, PackHandle } from "./app-record.ts";
import { planSlices } from "./plan-slices.ts";
import type { SliceContent } from "./slice-content.ts";

function pack(digest: string): PackHandle {
  return { digest, keyId: `key-${digest}`, size: 1, chunks: 1, objects: 1 };
}

function record(app: string, changes: Partial<AppRecord> = {}, dependsOn: readonly string[] = []): AppRecord {
  return {
    app,
    revision: 4,
    commit: "c4",
    settings: { sync: DEFAULT_SYNC, dependsOn, ignoreDifferences: [], healthChecks: [] },
    declaredAt: { file: "app.yaml", line: 1, column: 1 },
    packs: [pack("p0"), pack("p1")],
    targets: { a: { pack: 0, substitutions: {} } },
    deletionHolds: {},
    history: [],
    ...changes,
  };
}

function sliceOf(cluster: string, records: readonly AppRecord[]): SliceContent {
  const slices = planSlices({
    records: new Map(records.map((one) => [one.app, one])),
    clusters: ["a", "b"],
    approvals: new Map([
      [
        "a",
        [
          { id: "2", app: "web", hash: "h", expiresAtMs: 1 },
          { id: "1", app: "api", hash: "h", expiresAtMs: 1 },
        ],
      ],
    ]),
  });
  return slices.get(cluster) as SliceContent;
}

describe("planSlices", () => {
  it("gives each cluster its pack, its substitutions, its namespace and its own revision", () => {
    const targets = {
      a: { pack: 1, substitutions: { D: "eu" }, namespace: "web-a", revision: 2, commit: "c2" },
      b: { pack: 0, substitutions: {} },
    };
    const web = record("web", { targets });
    expect(sliceOf("a", [web]).apps).toMatchObject([
      {
        name: "web",
        revision: 2,
        commit: "c2",
        packs: [{ digest: "p1" }],
        substitutions: { D: "eu" },
        settings: { namespace: "web-a" },
      },
    ]);
    expect(sliceOf("b", [web]).apps).toMatchObject([{ revision: 4, commit: "c4", packs: [{ digest: "p0" }] }]);
    expect(sliceOf("b", [web]).apps[0]?.settings).not.toHaveProperty("namespace");
  });

  it("gives a cluster without apps an empty slice", () => {
    expect(sliceOf("b", [record("web")])).toEqual({ cluster: "b", apps: [], approvals: [], deletionHolds: [] });
  });

  it("orders apps by dependency, ties by name, and ignores what is not on the cluster", () => {
    const records = [
      record("app-a", {}, ["zoo", "elsewhere"]),
      record("app-b"),
      record("zoo", {}, ["yak"]),
      record("yak"),
      record("elsewhere", { targets: { b: { pack: 0, substitutions: {} } } }, ["app-b"]),
    ];
    for (const order of [records, records.toReversed()]) {
      expect(sliceOf("a", order).apps.map(({ name }) => name)).toEqual(["app-b", "yak", "zoo", "app-a"]);
    }
  });

  it("gives every app once even where dependencies go in a circle", () => {
    const records = [record("x", {}, ["y"]), record("y", {}, ["x"]), record("z", {}, ["y"])];
    expect(sliceOf("a", records).apps.map(({ name }) => name)).toEqual(["x", "y", "z"]);
  });

  it("sorts approvals and holds, so that equal content is equal text", () => {
    const holds = { a: "the app leaves 1 of its 1 clusters" };
    const slice = sliceOf("a", [
      record("web", { targets: {}, deletionHolds: holds }),
      record("api", { targets: {}, deletionHolds: holds }),
    ]);
    expect(slice.approvals.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(slice.deletionHolds.map(({ app }) => app)).toEqual(["api", "web"]);
  });

  it("S2: names a held app, also where it does not stand yet", () => {
    const web = record("web", { held: "does not render", awaiting: ["b"] });
    expect(sliceOf("a", [web]).apps).toMatchObject([
      { name: "web", held: "does not render", packs: [{ digest: "p0" }] },
    ]);
    expect(sliceOf("b", [web]).apps).toMatchObject([{ name: "web", held: "does not render", packs: [] }]);
  });
});
