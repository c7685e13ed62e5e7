import { expect, test } from "vitest";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { fateOf, keepHooks } from "./hook-policy.ts";

function pod(name: string, hook?: string): KubeObject {
  const annotations = hook === undefined ? {} : { annotations: { "helm.sh/hook": hook } };
  return { apiVersion: "v1", kind: "Pod", metadata: { name, ...annotations } };
}

test.each([
  [undefined, "object"],
  ["test", "test"],
  ["test-success,test-failure", "test"],
  ["pre-install", "hook"],
  ["Pre-Install", "hook"],
  ["post-upgrade, post-delete", "hook"],
  ["pre-delete", "never"],
  ["post-rollback,test", "never"],
  ["pre-instal", "unknown"],
  ["crd-install,test", "unknown"],
])("helm.sh/hook %j makes it %s", (hook, fate) => {
  expect(fateOf(pod("x", hook))).toBe(fate);
});

test("tests go without a word, what never happens with one; the rest stays for the agent's phases", () => {
  const found = [undefined, "test", "pre-install", "pre-delete", "pre-instal"].map((hook, index) => ({
    object: pod(`p${index}`, hook),
    file: "a.yaml",
  }));
  const { objects, warnings } = keepHooks(found, "web");
  expect(objects.map(({ object }) => object.metadata.name)).toEqual(["p0", "p2", "p4"]);
  expect(warnings.map(({ message }) => message)).toEqual([
    "Pod p3 is a Helm hook for deletion or rollback and is left out",
    'Pod p4 is a Helm hook for "pre-instal", which never happens; it is applied as an ordinary object',
  ]);
});
