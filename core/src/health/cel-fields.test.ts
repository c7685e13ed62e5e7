import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../manifest/object.ts";
import { parseCelFields } from "./cel-fields.ts";

const POD: KubeObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", annotations: { "mesh/a": "1", "mesh/b": "2", other: "3" } },
  spec: {
    restartPolicy: "Always",
    containers: [
      {
        name: "app",
        image: "app:1",
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "2" },
        ],
      },
      { name: "proxy", image: "proxy:1", env: [{ name: "A", value: "3" }] },
    ],
  },
};

function select(text: string): readonly string[] | string {
  const parsed = parseCelFields(text);
  return "problem" in parsed ? parsed.problem : parsed.selection.select(POD).map((steps) => steps.join("/"));
}

describe("a CEL expression selects", () => {
  it.each([
    ["spec.restartPolicy", ["spec/restartPolicy"]],
    ["object.spec.restartPolicy", ["spec/restartPolicy"]],
    ["spec.nothing.below", []],
    ["status.phase", []],
    ["metadata.annotations['mesh/a']", ["metadata/annotations/mesh/a"]],
    ["spec.containers[1].image", ["spec/containers/1/image"]],
    ["spec.containers", ["spec/containers"]],
    ["spec.containers.filter(c, c.name == 'proxy')", ["spec/containers/1"]],
    ["spec.containers.filter(c, c.name == 'proxy').map(c, c.image)", ["spec/containers/1/image"]],
    ["spec.containers.filter(c, c.name == 'proxy').image", ["spec/containers/1/image"]],
    ["spec.containers.map(c, c.image)", ["spec/containers/0/image", "spec/containers/1/image"]],
    [
      "spec.containers.map(c, c.env.filter(e, e.name == 'A' && c.name != 'proxy').map(e, e.value))",
      ["spec/containers/0/env/0/value"],
    ],
    [
      "metadata.annotations.filter(k, k.startsWith('mesh/'))",
      ["metadata/annotations/mesh/a", "metadata/annotations/mesh/b"],
    ],
    ["[spec.restartPolicy, spec.containers[0].image]", ["spec/restartPolicy", "spec/containers/0/image"]],
    ["spec.containers.filter(c, c.nothing == 1)", []],
    ["spec.containers.filter(c, c.image.matches('^proxy'))", ["spec/containers/1"]],
  ])("%s", (text, fields) => {
    expect(select(text)).toEqual(fields);
  });

  it.each([
    ["spec.", /end|EOF|token|identifier/i],
    ["replicas", /nobody knows "replicas"/],
    ["'text'", /leads to no field/],
    ["spec.replicas == 3", /leads to no field/],
    ["spec.containers.exists(c, c.name == 'x')", /"exists" leads to no field/],
    ["spec.containers.filter(c, c.name)", undefined],
    ["spec.containers.filter(c, d.name == 'x')", /d/],
    ["spec.containers[spec.index]", /names no member/],
    [`spec.${"x".repeat(5_000)}`, /longer than/],
  ])("not by %s", (text, problem) => {
    if (problem === undefined) expect(select(text)).toEqual([]);
    else expect(select(text)).toMatch(problem);
  });

  it("only fields that are there, whatever the object", () => {
    const texts = [
      "spec.a",
      "spec.filter(k, k != 'b')",
      "spec.a.filter(x, x == 1)",
      "object.spec.map(x, x.a)",
      "[spec.a[0], spec['b'], spec.a.map(x, x.b.filter(y, true))]",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.jsonValue(), (text, spec) => {
        const object: KubeObject = { apiVersion: "v1", kind: "Any", metadata: { name: "x" }, spec };
        const parsed = parseCelFields(text);
        const found = "selection" in parsed ? parsed.selection.select(object) : [["refused"]];
        for (const steps of found) {
          let at: unknown = object;
          for (const step of steps) {
            expect(Object.hasOwn(at as object, step)).toBe(true);
            at = (at as Record<string | number, unknown>)[step];
          }
        }
      }),
    );
  });
});
