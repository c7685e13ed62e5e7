import type { KubeObject } from "@axle/core/manifest/object.ts";
import { describe, expect, test } from "vitest";
import type { FieldSet } from "./field-set.ts";
import { managedEntriesOf } from "./field-set.ts";
import { deploymentOf } from "./reconcile-fixture.ts";
import { claimPatch, keyOfUnknown, unknownFields } from "./unknown-fields.ts";

const containers = (fields: FieldSet): FieldSet => ({
  "f:spec": { "f:template": { "f:spec": { "f:containers": fields } } },
});
const WEB = 'k:{"name":"web"}';
const SIDECAR = 'k:{"name":"sidecar"}';
const ours = {
  manager: "axle",
  operation: "Apply",
  apiVersion: "apps/v1",
  fieldsV1: containers({ [WEB]: { ".": {} } }),
};

function liveOf(...entries: readonly object[]): KubeObject {
  const live = deploymentOf("default/web");
  return { ...live, metadata: { ...live.metadata, resourceVersion: "7", managedFields: entries } };
}
const by = (manager: string, fieldsV1: FieldSet, rest: object = {}) => ({
  manager,
  operation: "Update",
  apiVersion: "apps/v1",
  fieldsV1,
  ...rest,
});

describe("what others add inside spec", () => {
  test("is found by the keys of its items; what lies beside it in our own items is not", () => {
    const theirs = by("terraform", containers({ [WEB]: { ".": {}, "f:image": {} }, [SIDECAR]: { "f:image": {} } }));
    expect(keyOfUnknown(unknownFields(liveOf(ours, theirs), "axle"))).toBe(
      "terraform spec.template.spec.containers[name=sidecar]",
    );
  });

  test("of people any field counts, of tools only items", () => {
    const added: FieldSet = {
      "f:spec": { "f:paused": {}, "f:template": { "f:spec": { "f:nodeSelector": { "f:disk": {} } } } },
      "f:data": { "f:extra": {} },
      "f:metadata": { "f:annotations": { "f:note": {} } },
    };
    expect(keyOfUnknown(unknownFields(liveOf(ours, by("kubectl-edit", added)), "axle"))).toBe(
      "kubectl-edit spec.paused spec.template.spec.nodeSelector.disk data.extra",
    );
    for (const manager of ["terraform", "kubectl-rollout"]) {
      expect(unknownFields(liveOf(ours, by(manager, added)), "axle")).toEqual([]);
    }
    const whole = { ...ours, fieldsV1: { "f:data": {} } };
    expect(unknownFields(liveOf(whole, by("kubectl-edit", { "f:data": { "f:extra": {} } })), "axle")).toEqual([]);
  });

  test("counts for nothing from controllers, subresources and outside spec", () => {
    const added = containers({ [SIDECAR]: {} });
    const quiet = [
      by("kube-controller-manager", added),
      by("vpa-updater", added),
      by("some-operator", added),
      by("anybody", added, { subresource: "status" }),
      by("anybody", { "f:metadata": { "f:ownerReferences": { 'k:{"uid":"1"}': {} } } }),
    ];
    expect(unknownFields(liveOf(ours, ...quiet), "axle")).toEqual([]);
  });

  test("becomes ours to remove, and only that", () => {
    const image: FieldSet = { [WEB]: { "f:image": {} } };
    const theirs = by("terraform", containers({ ...image, [SIDECAR]: { "f:image": {} } }));
    const [check, replace] = (claimPatch(liveOf(ours, theirs), "axle") ?? []) as { value: never }[];
    expect(check).toMatchObject({ op: "test", value: "7" });
    const entries = managedEntriesOf({ ...liveOf(), metadata: { name: "web", managedFields: replace?.value } });
    expect(entries.map(({ manager, fieldsV1 }) => [manager, fieldsV1])).toEqual([
      ["axle", containers({ [WEB]: { ".": {} }, [SIDECAR]: { "f:image": {} } })],
      ["terraform", containers(image)],
    ]);
    expect(claimPatch(liveOf(ours), "axle")).toBeUndefined();
  });
});
