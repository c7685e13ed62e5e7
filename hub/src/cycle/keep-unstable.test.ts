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
