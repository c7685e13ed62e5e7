import { expect, test } from "vitest";
import { SourceError } from "@axle/hub/sources/source-error.ts";
import { isNamed, planLock } from "./plan-lock.ts";

const has = (digest: string) => ({ digest });
const fails = (code: SourceError["code"]) => ({ error: new SourceError(code, `it is ${code}`) });
const none: ReadonlySet<string> = new Set();

test("the lock holds what is named, and says what changes", () => {
  const locked = new Map(Object.entries({ a: "1", b: "1", gone: "1" }));
  const outcomes = new Map(Object.entries({ a: has("1"), b: has("2"), c: has("3") }));
  expect(planLock(locked, outcomes, new Set(["b"]))).toEqual({
    changes: [
      { source: "a", change: "unchanged", digest: "1" },
      { source: "b", change: "updated", digest: "2", before: "1" },
      { source: "c", change: "missing", digest: "3" },
      { source: "gone", change: "unused", before: "1" },
    ],
    entries: [
      { source: "a", digest: "1" },
      { source: "b", digest: "2" },
      { source: "c", digest: "3" },
    ],
  });
});

test("what cannot be asked for stays as it was, and so does what may be named by it", () => {
  const locked = new Map(Object.entries({ a: "1", nested: "1" }));
  const { changes, entries } = planLock(locked, new Map([["a", fails("unreachable")]]), none);
  expect(changes).toMatchObject([
    { source: "a", change: "unchanged", digest: "1", message: "it is unreachable" },
    { source: "nested", change: "unchanged", digest: "1" },
  ]);
  expect(entries).toHaveLength(2);
});

test("what was published again, is new and cannot be had, or cannot be updated, is not locked by accident", () => {
  const locked = new Map(Object.entries({ a: "1", u: "1" }));
  const outcomes = new Map(
    Object.entries({ a: fails("digest-changed"), n: fails("not-found"), u: fails("unreachable") }),
  );
  expect(planLock(locked, outcomes, new Set(["u"])).changes).toMatchObject([
    { source: "a", change: "changed", digest: "1", message: "it is digest-changed" },
    { source: "n", change: "failed", message: "it is not-found" },
    { source: "u", change: "failed", digest: "1" },
  ]);
});

test.each([
  ["chart oci://registry.example.com/charts podinfo 6.1.0", "podinfo", true],
  ["chart oci://registry.example.com/charts podinfo 6.1.0", "oci://registry.example.com/charts", true],
  ["chart oci://registry.example.com/charts podinfo 6.1.0", "6.1.0", false],
  ["git https://git.example.com/acme/bases.git main", "bases", true],
  ["git git@git.example.com:bases.git main", "bases", true],
  ["git https://git.example.com/acme/bases.git main", "https://git.example.com/acme/bases.git", true],
  ["git https://git.example.com/acme/bases.git main", "main", false],
  ["file https://example.com/v1/install.yaml", "install.yaml", true],
  ["file https://example.com/v1/install.yaml", "file https://example.com/v1/install.yaml", true],
])("%s is called %s: %s", (key, word, expected) => {
  expect(isNamed(key, word)).toBe(expected);
});
