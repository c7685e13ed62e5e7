import type { KubeObject } from "@axle/core/manifest/object.ts";
import { expect, test } from "vitest";
import { handOverPatch, ownerOf } from "./adoption.ts";
import { prepareObject } from "./prepare-object.ts";

const entry = (manager: string, fields: object, more: object = {}) => ({
  manager,
  operation: "Update",
  apiVersion: "v1",
  time: "2026-01-01T00:00:00Z",
  fieldsType: "FieldsV1",
  fieldsV1: fields,
  ...more,
});
const live = (managedFields: readonly object[]): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "x", namespace: "n", resourceVersion: "7", managedFields },
});

test("what people's tools own becomes ours, what controllers own stays theirs", () => {
  const controller = entry("some-controller", { "f:data": { "f:c": {} } });
  const status = entry("kubectl-edit", { "f:status": {} }, { subresource: "status" });
  const restarted = entry("kubectl-rollout", { "f:spec": {} });
  const patch = handOverPatch(
    live([
      entry("kubectl-client-side-apply", { "f:data": { "f:a": {} } }),
      controller,
      entry("helm", { "f:data": { "f:b": {} } }, { operation: "Apply" }),
      entry("axle", { "f:data": { "f:d": {} } }, { operation: "Apply" }),
      status,
      restarted,
    ]),
    "axle",
  );
  const ours = { "f:data": { "f:a": {}, "f:b": {}, "f:d": {} } };
  expect(patch).toEqual([
    { op: "test", path: "/metadata/resourceVersion", value: "7" },
    {
      op: "replace",
      path: "/metadata/managedFields",
      value: [controller, status, restarted, entry("axle", ours, { operation: "Apply" })],
    },
  ]);
});

test("with nobody to take over from there is nothing to patch", () => {
  expect(handOverPatch(live([entry("some-controller", {})]), "axle")).toBeUndefined();
});

test("an owner is told by the mark that describes the object", () => {
  const ours = prepareObject(live([]), { cluster: "c-1", app: "shop" });
  expect(ownerOf(ours, "c-1")).toEqual({ kind: "ours", app: "shop" });
  expect(ownerOf(ours, "c-2")).toMatchObject({ kind: "other" });
  expect(ownerOf(live([]), "c-1")).toEqual({ kind: "nobody" });
});
