import type { KubeObject } from "@axle/core/manifest/object.ts";
import { describe, expect, test } from "vitest";
import type { FieldSet } from "./field-set.ts";
import { fingerprintOwned, isSurelyApplied } from "./owned-state.ts";

const desired: KubeObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
  spec: { selector: { app: "web" }, ports: [{ port: 80, protocol: "TCP" }], externalIPs: [] },
};
const fields: FieldSet = {
  "f:metadata": { "f:labels": { "f:app": {} } },
  "f:spec": {
    "f:selector": {},
    "f:externalIPs": {},
    "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:protocol": {} } },
  },
};
const live = (
  change: (object: { spec: Record<string, unknown>; fields: FieldSet }) => void = () => undefined,
): KubeObject => {
  const object = {
    spec: {
      selector: { app: "web" },
      ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
      externalIPs: [],
      clusterIP: "10.0.0.7",
    },
    fields: structuredClone(fields),
  };
  change(object);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "web",
      namespace: "shop",
      labels: { app: "web", other: "added" },
      managedFields: [
        { manager: "kube", operation: "Update", apiVersion: "v1", fieldsV1: { "f:status": {} } },
        { manager: "axle", operation: "Apply", apiVersion: "v1", fieldsV1: object.fields },
      ],
    },
    spec: object.spec,
  };
};

describe("fingerprintOwned", () => {
  const print = (object: KubeObject) => fingerprintOwned(desired, object, "axle");

  test("stays when somebody adds what we do not declare", () => {
    expect(print(live(({ spec }) => Object.assign(spec, { clusterIP: "10.0.0.8", type: "ClusterIP" })))).toBe(
      print(live()),
    );
    expect(
      print(
        live(({ spec }) =>
          Object.assign(spec, {
            ports: [
              { port: 81, protocol: "TCP" },
              { port: 80, protocol: "TCP" },
            ],
          }),
        ),
      ),
    ).toBe(print(live()));
  });

  test("changes when a value changes although we still own it", () => {
    expect(print(live(({ spec }) => Object.assign(spec, { selector: { app: "other" } })))).not.toBe(print(live()));
  });

  test("changes when we lose a field although its value is the same", () => {
    expect(print(live((object) => Object.assign(object, { fields: { "f:metadata": fields["f:metadata"] } })))).not.toBe(
      print(live()),
    );
  });

  test("is nothing for an object we never applied", () => {
    expect(fingerprintOwned(desired, live(), "somebody")).toBeUndefined();
  });
});

describe("isSurelyApplied", () => {
  const sure = (object: KubeObject) => isSurelyApplied(desired, object, "axle");

  test("holds for what we applied, whatever others added", () => {
    expect(sure(live())).toBe(true);
  });

  test.each<[string, KubeObject]>([
    ["another value", live(({ spec }) => Object.assign(spec, { selector: { app: "x" } }))],
    ["a declared item that is gone", live(({ spec }) => Object.assign(spec, { ports: [] }))],
    [
      "a field we own and do not declare",
      live((object) => Object.assign(object.fields["f:spec"] ?? {}, { "f:type": {} })),
    ],
    [
      "a field we declare and do not own",
      live((object) => Object.assign(object, { fields: { "f:metadata": fields["f:metadata"] } })),
    ],
    ["another version of its API", { ...live(), apiVersion: "v2" }],
  ])("does not hold for %s", (_what, object) => {
    expect(sure(object)).toBe(false);
  });
});
