import { expect, test } from "vitest";
import { idOf } from "@axle/core/manifest/object.ts";
import type { RenderedObject } from "../../ports.ts";
import { compareRenders, describeDifferences } from "./compare-renders.ts";

const about = { app: "web", file: "c/Chart.yaml" };

function secret(data: Readonly<Record<string, unknown>>, name = "s"): RenderedObject {
  const object = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "web" }, data };
  return { id: idOf(object), object, file: "c/templates/s.yaml" };
}

function wordsFor(first: readonly RenderedObject[], second: readonly RenderedObject[]): readonly string[] {
  return describeDifferences(compareRenders(first, second), first, about).map(({ message }) => message);
}

test("equal renders differ in nothing, in whatever order they come", () => {
  expect(wordsFor([secret({ a: 1 }), secret({}, "t")], [secret({}, "t"), secret({ a: 1 })])).toEqual([]);
});

test("S5: differing fields are named by path, never by value", () => {
  const first = [secret({ a: "hunter2", list: [1, { b: 2 }], "tls.key": "x", gone: 1 })];
  const second = [secret({ a: "x", list: [1, { b: 3 }], "tls.key": "y", new: 1 })];
  const [words = ""] = wordsFor(first, second);
  expect(words).toMatch(/: Secret web\/s: data\.a, data\.list\[1\]\.b, data\["tls\.key"\], data\.gone; /);
  expect(words).not.toMatch(/hunter2/);
  expect(compareRenders(first, second).fields.get(first[0]?.id as RenderedObject["id"])).toEqual([
    "/data/a",
    "/data/list/1/b",
    "/data/tls.key",
    "/data/gone",
  ]);
});

test("an object that is not always there is named", () => {
  expect(wordsFor([secret({})], [secret({}, "t")])).toEqual([
    expect.stringMatching(/^makes new names each time: Secret web\/s; .*give them fixed names$/),
  ]);
});

test("long lists are cut", () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, "a"]));
  expect(wordsFor([secret(many)], [secret({})])[0]).toMatch(/, and 22 more; /);
});
