import { expect, test } from "vitest";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { describeDifferences, unstableWarning } from "./compare-renders.ts";

function secret(data: Readonly<Record<string, unknown>>, name = "s"): KubeObject {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "web" }, data };
}

test("equal renders differ in nothing, in whatever order they come", () => {
  expect(describeDifferences([secret({ a: 1 }), secret({}, "t")], [secret({}, "t"), secret({ a: 1 })])).toBeUndefined();
  expect(unstableWarning([[{ object: secret({ a: 1 }) }]], { app: "web", file: "c/Chart.yaml" })).toBeUndefined();
});

test("S5: differing fields are named by path, never by value", () => {
  const words = describeDifferences(
    [secret({ a: "hunter2", list: [1, { b: 2 }] })],
    [secret({ a: "x", list: [1, { b: 3 }], new: 1 })],
  );
  expect(words).toBe("Secret web/s: data.a, data.list[1].b, data.new");
});

test("an object that is not always there is named", () => {
  expect(describeDifferences([secret({})], [secret({}, "t")])).toBe(
    "Secret web/s (not always there); Secret web/t (not always there)",
  );
});

test("long lists are cut", () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, "a"]));
  expect(describeDifferences([secret(many)], [secret({})])).toMatch(/, and 22 more$/);
});
