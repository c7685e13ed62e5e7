import { describe, expect, test } from "vitest";
import type { AppRecord, PackHandle } from "@axle/core/placement/app-record.ts";
import type { Resolution } from "@axle/core/placement/resolution.ts";
import { packsBefore, readPublished } from "./published-before.ts";

const pack = (digest: string): PackHandle => ({ digest, keyId: digest, size: 1, chunks: 1, objects: 1 });

/** `targets`: variant by cluster now; `before`: index of the pack by cluster. */
function before(
  targets: Readonly<Record<string, string>>,
  packs: Readonly<Record<string, number>>,
): (key: string) => readonly string[] {
  const variants = new Map(Object.values(targets).map((key) => [key, {}]));
  const entries = Object.entries(targets).map(([cluster, variant]) => [cluster, { variant }] as const);
  const app = { variants, targets: new Map(entries) };
  const resolution = { apps: new Map([["web", app]]) } as unknown as Pick<Resolution, "apps">;
  const record = {
    packs: ["a", "b", "c"].map(pack),
    targets: Object.fromEntries(Object.entries(packs).map(([cluster, index]) => [cluster, { pack: index }])),
  } as unknown as AppRecord;
  return (key) => packsBefore(resolution, new Map([["web", record]]))(key).map(({ digest }) => digest);
}

describe("what a variant's clusters stand on", () => {
  test("is the packs of most of them first; of equals, of the cluster whose id is first", () => {
    const find = before({ c1: "v", c2: "v", c3: "v", c4: "w", c5: "v" }, { c1: 2, c2: 1, c3: 1, c4: 0, c5: 0 });
    expect(find("v")).toEqual(["b", "c", "a"]);
    expect(find("w")).toEqual(["a"]);
  });

  test("is nothing for clusters that are new, apps that are, and variants nobody has", () => {
    expect(before({ c1: "v" }, {})("v")).toEqual([]);
    expect(before({ c1: "v" }, { c1: 0 })("x")).toEqual([]);
  });
});

test("a pack with nothing that was made anew, or under another sync.regenerate, is passed over unread", async () => {
  const fields = ["/data/p"];
  const read: string[] = [];
  const store = {
    findObjects: async () =>
      new Map([
        ["a", [{ id: "/Secret/web/s", file: "f" }]],
        ["b", [{ id: "/Secret/web/s", file: "f", unstable: { fields, regenerate: "1" } }]],
      ]) as never,
    readPack: async ({ digest }: { readonly digest: string }) => {
      read.push(digest);
      throw new Error("lost");
    },
  };
  const wanted = (regenerate: string) => ({ regenerate, store, packMaster: new Uint8Array(32) });
  const { signal } = new AbortController();
  expect(await readPublished([pack("a"), pack("b")], wanted("2"), signal)).toBeUndefined();
  expect(await readPublished([], wanted("1"), signal)).toBeUndefined();
  await expect(readPublished([pack("a"), pack("b")], wanted("1"), signal)).rejects.toThrow("lost");
  expect(read).toEqual(["b"]);
});
