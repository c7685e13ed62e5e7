import type { KubeObject } from "@axle/core/manifest/object.ts";
import { describe, expect, test } from "vitest";
import { isYielded, rulesFor, yieldFields, yieldedPaths } from "./ignored-fields.ts";
import type { FieldSet } from "./field-set.ts";
import { deploymentOf } from "./reconcile-fixture.ts";

const source = deploymentOf("default/web", { replicas: 1, image: "web:1" });
const image: FieldSet = {
  "f:spec": { "f:template": { "f:spec": { "f:containers": { 'k:{"name":"web"}': { "f:image": {} } } } } },
};
const replicas: FieldSet = { "f:spec": { "f:replicas": {} } };
const IMAGE = ["f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"web"}', "f:image"];

function liveOf(
  options: { readonly replicas?: number; readonly image?: string },
  ...managed: readonly { manager: string; operation?: string; subresource?: string; fieldsV1: FieldSet }[]
): KubeObject {
  const live = deploymentOf("default/web", options);
  return {
    ...live,
    metadata: {
      ...live.metadata,
      managedFields: managed.map((entry) => ({ apiVersion: "apps/v1", operation: "Update", ...entry })),
    },
  };
}
const ours = (fieldsV1: FieldSet) => ({ manager: "axle", operation: "Apply", fieldsV1 });
const over = (live: KubeObject, paths: readonly (readonly string[])[]) =>
  yieldFields({ prepared: source, live, paths, manager: "axle" });

describe("fields that are others' to set", () => {
  test("a place in a list is followed by the keys of its item", () => {
    const live = liveOf({ image: "web:2" }, ours(image));
    for (const place of ["0", "*"]) {
      const jsonPointers = [`/spec/template/spec/containers/${place}/image`];
      expect(yieldedPaths(source, live, { rules: [{ jsonPointers }], autoscaled: false })).toEqual([IMAGE]);
    }
  });

  test("an expression selects items wherever they stand in Git and in the cluster", () => {
    const live = liveOf({ image: "web:2" }, ours(image));
    const containers = "spec.template.spec.containers";
    const yielded = (text: string) => yieldedPaths(source, live, { rules: [{ celPaths: [text] }], autoscaled: false });
    expect(yielded(`${containers}.filter(c, c.name == "web").map(c, c.image)`)).toContainEqual(IMAGE);
    expect(yielded(`${containers}.filter(c, c.image == "web:1").map(c, c.image)`)).toEqual([IMAGE]);
    expect(yielded(`${containers}.filter(c, c.image == "web:2").map(c, c.image)`)).toEqual([IMAGE]);
    expect(yielded(`${containers}.filter(c, c.name == "other")`)).toEqual([]);
    expect(yielded("what a newer hub knows")).toEqual([]);
  });

  test("a manager's fields are yielded", () => {
    const live = liveOf({ image: "web:2" }, { manager: "updater", fieldsV1: image });
    expect(yieldedPaths(source, live, { rules: [{ managers: ["updater"] }], autoscaled: false })).toEqual([IMAGE]);
    expect(yieldedPaths(source, live, { rules: [{ managers: ["other"] }], autoscaled: false })).toEqual([]);
  });

  test("replicas are yielded to an autoscaler of the slice and to one that was at work, not to a person", () => {
    const path = ["f:spec", "f:replicas"];
    const scaled = (manager: string) => liveOf({ replicas: 4 }, { manager, subresource: "scale", fieldsV1: replicas });
    expect(yieldedPaths(source, scaled("kube-controller-manager"), { rules: [], autoscaled: false })).toEqual([path]);
    expect(yieldedPaths(source, scaled("kubectl"), { rules: [], autoscaled: false })).toEqual([]);
    expect(yieldedPaths(source, scaled("kubectl"), { rules: [], autoscaled: true })).toEqual([path]);
  });

  test("what another owns is left out, what only we own keeps its live value, what is equal stays", () => {
    const theirs = liveOf({ image: "web:2" }, ours(replicas), { manager: "updater", fieldsV1: image });
    expect(JSON.stringify(over(theirs, [IMAGE]))).not.toContain("image");
    const alone = liveOf({ image: "web:2" }, ours(image));
    expect(JSON.stringify(over(alone, [IMAGE]))).toContain('"image":"web:2"');
    expect(over(liveOf({ image: "web:1" }), [IMAGE])).toEqual(source);
  });

  test("a loss counts as yielded only when all of it is", () => {
    const below = ["f:metadata", "f:annotations", "f:note"];
    expect(isYielded([below], [["f:metadata", "f:annotations"]])).toBe(true);
    expect(isYielded([below, IMAGE], [["f:metadata", "f:annotations"]])).toBe(false);
  });

  test("rules find their objects by group, kind and globs", () => {
    const all = [{ name: "we*" }, { namespace: "prod-*" }, { group: "apps", kind: "Deployment" }, { group: "" }];
    expect(rulesFor(source, all)).toEqual([{ name: "we*" }, { group: "apps", kind: "Deployment" }]);
  });
});
