import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolvePath } from "./resolve-path.ts";

function links(entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(entries));
}

describe("following a path through links", () => {
  test("a path without links is itself", () => {
    expect(resolvePath(links({}), "a/./b//../c")).toEqual({ type: "inside", path: "a/c", links: [] });
  });

  test("links to files and to folders on the way are followed", () => {
    const all = links({ "apps/web/base": "../../shared/base", "shared/base": "v2" });
    expect(resolvePath(all, "apps/web/base/cm.yaml")).toEqual({
      type: "inside",
      path: "shared/v2/cm.yaml",
      links: ["apps/web/base", "shared/base"],
    });
  });

  test("what comes after a link climbs from where the link leads", () => {
    expect(resolvePath(links({ l: "a/b/c" }), "l/../d")).toMatchObject({ path: "a/b/d" });
  });

  test.each([
    ["directly", { a: "../etc" }, "a"],
    ["by an absolute path", { a: "/etc/passwd" }, "a"],
    ["through another link", { a: "b", b: "c", c: "../../etc" }, "c"],
    ["by climbing out of a link's target", { a: "x/../../../y" }, "a"],
  ])("a link that leaves %s is told", (_how, all, via) => {
    expect(resolvePath(links(all), "a")).toEqual({ type: "outside", via });
  });

  test("a path that leaves without a link is told", () => {
    expect(resolvePath(links({}), "a/../../b")).toEqual({ type: "outside", via: undefined });
    expect(resolvePath(links({}), "/etc")).toEqual({ type: "outside", via: undefined });
  });

  test("links in a circle end", () => {
    expect(resolvePath(links({ a: "b", b: "a" }), "a/x")).toMatchObject({ type: "loop" });
  });

  test("what is said to be inside has no link, no dot and no climb left in it", () => {
    const segment = fc.constantFrom("a", "b", "c", ".", "..", "");
    const path = fc.array(segment, { maxLength: 5 }).map((segments) => segments.join("/"));
    const some = fc.dictionary(fc.constantFrom("a", "b", "c", "a/b", "b/c", "c/a"), path, { maxKeys: 4 });
    fc.assert(
      fc.property(some, path, (all, asked) => {
        const resolved = resolvePath(links(all), asked);
        if (resolved.type !== "inside") return;
        expect(resolved.path).not.toMatch(/(^|\/)\.\.?(\/|$)/);
        const parts = resolved.path.split("/");
        for (let length = 1; length <= parts.length; length += 1) {
          expect(Object.hasOwn(all, parts.slice(0, length).join("/"))).toBe(false);
        }
      }),
    );
  });
});
