import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idOf, type KubeObject } from "@axle/core/manifest/object.ts";
import { keepUnstable, type PublishedPack } from "./keep-unstable.ts";

const namespace = "web";
const secret = (data: Readonly<Record<string, unknown>>, name = "s"): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace },
  data,
});
const deployment = (annotations: Readonly<Record<string, string>>, more: object = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d", namespace },
  spec: { template: { metadata: { annotations } }, ...more },
});

type Marked = readonly [object: KubeObject, ...pointers: readonly string[]];

function published(...marked: readonly Marked[]): PublishedPack {
  return {
    objects: new Map(marked.map(([object]) => [idOf(object), object])),
    unstable: new Map(marked.map(([object, ...pointers]) => [idOf(object), new Set(pointers)])),
  };
}

function keep(
  before: PublishedPack,
  marked: readonly Marked[],
  renamed: readonly string[] = [],
): readonly KubeObject[] {
  const objects = marked.map(([object, ...unstable]) => ({
    id: idOf(object),
    object,
    file: "c/templates/x.yaml",
    ...(unstable.length > 0 && { unstable }),
  }));
  return keepUnstable({ objects, renamed, warnings: [] }, before).map(({ object }) => object);
}

describe("values made anew at each render", () => {
  test("are those first published, and everything else is as rendered", () => {
    const before = published([secret({ password: "old", size: "1", "a/b~c": "x" }), "/data/password", "/data/a~1b~0c"]);
    const after = secret({ password: "new", size: "2", "a/b~c": "y" });
    expect(keep(before, [[after, "/data/password", "/data/a~1b~0c"]])).toEqual([
      secret({ password: "old", size: "2", "a/b~c": "x" }),
    ]);
    expect(after["data"]).toEqual({ password: "new", size: "2", "a/b~c": "y" });
  });

  test("start anew where they were given before, and are given where they are given now", () => {
    expect(
      keep(published([secret({ password: "by-hand" })]), [[secret({ password: "new" }), "/data/password"]]),
    ).toEqual([secret({ password: "new" })]);
    expect(
      keep(published([secret({ password: "old" }), "/data/password"]), [[secret({ password: "by-hand" })]]),
    ).toEqual([secret({ password: "by-hand" })]);
  });

  test("that are not there any more, or not there yet, change nothing", () => {
    const before = published([secret({ a: "old" }), "/data/a", "/data/list/3"]);
    expect(keep(before, [[secret({ b: "new" }, "s"), "/data/b", "/data/a", "/data/list/3"]])).toEqual([
      secret({ b: "new" }),
    ]);
    expect(keep(before, [[secret({ a: "new" }, "other"), "/data/a"]])).toEqual([secret({ a: "new" }, "other")]);
  });

  test("follow a name that is made anew itself", () => {
    const reference = { from: "conf-x1", url: "tcp://conf-x1:80" };
    const before = published([deployment({}, reference), "/spec/from", "/spec/url"]);
    const after = deployment({}, { from: "conf-y2", url: "tcp://conf-y2:80" });
    expect(keep(before, [[after, "/spec/from", "/spec/url"]], ["conf-y2"])).toEqual([after]);
  });
});

describe("values made anew in a list", () => {
  type Item = unknown;
  /** Marks by position: `1/value`, or `1` for an item that is a text. */
  const kept = (
    [old, ...oldMarks]: readonly [Item[], ...string[]],
    [now, ...marks]: readonly [Item[], ...string[]],
  ): unknown => {
    const at = (mark: string): string => `/spec/list/${mark}`;
    const before = published([deployment({}, { list: old }), ...oldMarks.map(at)]);
    const [object] = keep(before, [[deployment({}, { list: now }), ...marks.map(at)]]);
    return (object?.["spec"] as { list?: unknown } | undefined)?.list;
  };

  test.each(["name", "key"])("stay with the item of the same %s, wherever it moves", (field) => {
    const [password, token, extra] = ["PASSWORD", "TOKEN", "EXTRA"].map((name) => (value: string) => ({
      [field]: name,
      value,
    })) as [(value: string) => Item, (value: string) => Item, (value: string) => Item];
    const before = [[password("p1"), token("t1")], "0/value", "1/value"] as const;
    expect(
      kept(
        [[...before[0]], "0/value", "1/value"],
        [[extra("e2"), password("p2"), token("t2")], "0/value", "1/value", "2/value"],
      ),
    ).toEqual([extra("e2"), password("p1"), token("t1")]);
    expect(kept([[...before[0]], "0/value", "1/value"], [[token("t2")], "0/value"])).toEqual([token("t1")]);
    // Given by hand before, at another place.
    expect(kept([[...before[0]], "0/value"], [[token("t2")], "0/value"])).toEqual([token("t2")]);
  });

  test("start anew in items whose names say nothing, unless all else is as it was", () => {
    const twice = (a: string, b: string): Item[] => [
      { key: "k", role: "a", value: a },
      { key: "k", role: "b", value: b },
    ];
    const marks = ["0/value", "1/value"];
    expect(kept([twice("1", "2"), ...marks], [twice("3", "4"), ...marks])).toEqual(twice("1", "2"));
    expect(kept([twice("1", "2"), ...marks], [twice("3", "4").toReversed(), ...marks])).toEqual(
      twice("3", "4").toReversed(),
    );
    const named = (name: string, value: string): Item => ({ name, value, role: "a" });
    expect(kept([[named("n1", "1")], "0/name", "0/value"], [[named("n2", "2")], "0/name", "0/value"])).toEqual([
      named("n1", "1"),
    ]);
  });

  test("stay in items without a name that are else the same", () => {
    const item = (role: string, value: string): Item => ({ role, deep: { value } });
    const mark = "0/deep/value";
    expect(kept([[item("a", "1")], mark], [[item("a", "2"), item("b", "3")], mark, "1/deep/value"])).toEqual([
      item("a", "1"),
      item("b", "3"),
    ]);
    expect(kept([[item("a", "1")], mark], [[item("b", "2"), item("a", "3")], mark, "1/deep/value"])).toEqual([
      item("b", "2"),
      item("a", "3"),
    ]);
  });

  test("that are all there is to an item stay while the list is else the same", () => {
    expect(kept([["--port=80", "--token=1"], "1"], [["--port=80", "--token=2"], "1"])).toEqual([
      "--port=80",
      "--token=1",
    ]);
    expect(kept([["--token=1"], "0"], [["--extra=2", "--token=2"], "0", "1"])).toEqual(["--extra=2", "--token=2"]);
    expect(kept([[{ v: "1" }], "0/v"], [[{ v: "2" }, { v: "3" }], "0/v", "1/v"])).toEqual([{ v: "2" }, { v: "3" }]);
  });
});

describe("annotations of a pod template that are made anew", () => {
  const checksum = "/spec/template/metadata/annotations/checksum";
  const before = published([secret({ p: "old", c: "1" }), "/data/p"], [deployment({ checksum: "a" }), checksum]);

  test("stay while the configuration they stand for does", () => {
    const after = [
      [secret({ p: "new", c: "1" }), "/data/p"],
      [deployment({ checksum: "b" }), checksum],
    ] as const;
    expect(keep(before, after)).toEqual([secret({ p: "old", c: "1" }), deployment({ checksum: "a" })]);
  });

  test("are new when it changes, though the password stays", () => {
    const after = [
      [secret({ p: "new", c: "2" }), "/data/p"],
      [deployment({ checksum: "b" }), checksum],
    ] as const;
    expect(keep(before, after)).toEqual([secret({ p: "old", c: "2" }), deployment({ checksum: "b" })]);
  });
});

test("S3: what a render gives twice is never altered", () => {
  const data = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.array(fc.string())));
  fc.assert(
    fc.property(data, data, fc.subarray(["/data/a", "/data/b", "/data", ""]), (old, now, pointers) => {
      expect(keep(published([secret(old), ...pointers]), [[secret(now)]])).toEqual([secret(now)]);
    }),
  );
});
