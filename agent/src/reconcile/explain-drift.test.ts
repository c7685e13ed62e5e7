import type { KubeObject } from "@axle/core/manifest/object.ts";
import { expect, test } from "vitest";
import { explainDrift } from "./explain-drift.ts";
import type { FieldSet } from "./field-set.ts";

const nowMs = Date.UTC(2026, 0, 2);
const options = { manager: "axle", nowMs };
const object = (spec: unknown, entries: readonly (readonly [string, string, FieldSet])[]): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: "web",
    namespace: "shop",
    managedFields: entries.map(([manager, time, fieldsV1]) => ({
      manager,
      operation: manager === "axle" ? "Apply" : "Update",
      apiVersion: "apps/v1",
      time,
      fieldsV1: { "f:spec": fieldsV1 },
    })),
  },
  spec,
});
const desired = (spec: unknown): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec,
});
const container = (members: FieldSet): FieldSet => ({ "f:containers": { 'k:{"name":"web"}': members } });

test("a field that was taken from us is named with who has it and since when", () => {
  const live = object({ replicas: 3, paused: false }, [
    ["axle", "2026-01-01T00:00:00Z", { "f:paused": {} }],
    ["kubectl", "2026-01-01T10:00:00Z", { "f:replicas": {} }],
    ["controller", "2026-01-01T11:00:00Z", { "f:other": {} }],
  ]);
  expect(explainDrift(desired({ replicas: 1, paused: false }), live, options)).toEqual({
    manager: "kubectl",
    operation: "Update",
    atMs: Date.UTC(2026, 0, 1, 10),
    paths: ["spec.replicas"],
    changes: [{ path: "spec.replicas", before: "1", after: "3" }],
  });
});

test("an item of a keyed list is named by its keys", () => {
  const live = object({ containers: [{ name: "web", image: "evil" }] }, [
    ["axle", "2026-01-01T00:00:00Z", container({ ".": {}, "f:name": {} })],
    ["kubectl-set", "2026-01-01T10:00:00Z", container({ "f:image": {} })],
  ]);
  const { paths, manager } = explainDrift(desired({ containers: [{ name: "web", image: "good" }] }), live, options);
  expect({ paths, manager }).toEqual({ paths: ["spec.containers[name=web].image"], manager: "kubectl-set" });
});

test("a value that changed under our ownership is named too, and a removed field with nobody to blame as well", () => {
  const live = object({ image: "rewritten" }, [["axle", "2026-01-01T00:00:00Z", { "f:image": {} }]]);
  expect(explainDrift(desired({ image: "good", gone: true }), live, options)).toEqual({
    manager: "",
    operation: "Update",
    atMs: nowMs,
    paths: ["spec.image", "spec.gone"],
    changes: [
      { path: "spec.image", before: "good", after: "rewritten" },
      { path: "spec.gone", before: "true", after: "" },
    ],
  });
});

test("a quantity written another way is no change", () => {
  const live = object({ cpu: "1" }, [["axle", "2026-01-01T00:00:00Z", { "f:cpu": {} }]]);
  expect(explainDrift(desired({ cpu: "1000m" }), live, options).paths).toEqual([]);
});
