import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { ObjectBook } from "./object-book.ts";
import { appOf } from "./reconcile-fixture.ts";
import { SlicePass } from "./slice-pass.ts";

function passOf(dependencies: Readonly<Record<string, readonly string[]>>, signal: AbortSignal): SlicePass {
  const apps = Object.entries(dependencies).map(([name, dependsOn]) => ({
    desired: appOf(name, [], { dependsOn }),
    objects: [],
    ids: new Set<never>(),
    possibleIds: new Set<never>(),
  }));
  const slice = { apps, claims: new Map(), kinds: new Map() };
  return new SlicePass({ slice, loaded: new Map(), book: new ObjectBook(), signal });
}

test("waiting for an app ends with the pass, by its reason", async () => {
  const ending = new AbortController();
  const pass = passOf({ a: [], b: [] }, ending.signal);
  const waits = [pass.awaitFounded("a", "b"), pass.awaitReady("b")];
  ending.abort(new Error("a newer slice"));
  for (const wait of waits) await expect(wait).rejects.toThrow("a newer slice");
});

test("waiting for an app leaves nothing behind on the pass's signal", async () => {
  const { signal } = new AbortController();
  const pass = passOf({ a: [], b: [] }, signal);
  const waits = [pass.awaitFounded("a", "b"), pass.awaitReady("b")];
  pass.finished("b", "it failed");
  expect(await Promise.all(waits)).toEqual([undefined, "it failed"]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("who waits for whom, directly, over others, or not any more", async () => {
  const pass = passOf({ base: [], web: ["base"], shop: ["web", "gone"], other: [] }, new AbortController().signal);
  expect(pass.awaits("shop", "base")).toBe(true);
  expect(pass.awaits("base", "shop")).toBe(false);
  const waiting = pass.awaitFounded("base", "other");
  expect(pass.awaits("shop", "other")).toBe(true);
  pass.founded("other");
  await waiting;
  expect(pass.awaits("shop", "other")).toBe(false);
  pass.finished("web", undefined);
  expect(pass.awaits("shop", "base")).toBe(false);
  pass.founded("shop");
  expect(pass.awaits("shop", "web")).toBe(false);
});
