import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pageOf } from "./page.ts";

const name = (item: string) => item;

describe("pages", () => {
  test("together are the list, each item once, whatever their size", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), fc.integer({ min: 1, max: 7 }), (unsorted, size) => {
        const items = unsorted.sort((a, b) => (a < b ? -1 : 1));
        const seen: string[] = [];
        let token = "";
        do {
          const page = pageOf(items, { size, token }, name);
          expect(page.total).toBe(items.length);
          expect(page.items.length).toBeLessThanOrEqual(size);
          seen.push(...page.items);
          token = page.nextPageToken;
        } while (token !== "");
        expect(seen).toEqual(items);
      }),
    );
  });

  test("neither repeat nor hide an item when others come and go between them", () => {
    const first = pageOf(["a", "b", "c", "d"], { size: 2, token: "" }, name);
    const second = pageOf(["a1", "b1", "c", "d"], { size: 2, token: first.nextPageToken }, name);
    expect(second.items).toEqual(["b1", "c"]);
  });

  test("of an impossible size or after a token that is none are refused", () => {
    const refused = expect.objectContaining({ code: "invalid-argument" });
    expect(() => pageOf([], { size: 5_001, token: "" }, name)).toThrow(refused);
    expect(() => pageOf([], { size: 0, token: "nonsense" }, name)).toThrow(refused);
    expect(pageOf(Array(501).fill("x"), { size: 0, token: "" }, name).items).toHaveLength(500);
  });
});
