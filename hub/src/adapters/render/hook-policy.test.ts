import { expect, test } from "vitest";
import { fateOf } from "./hook-policy.ts";

test.each([
  [undefined, "object"],
  ["test", "test"],
  ["test-success,test-failure", "test"],
  ["pre-install", "hook"],
  ["post-upgrade, post-delete", "hook"],
  ["pre-delete", "never"],
  ["post-rollback,test", "never"],
])("helm.sh/hook %j makes it %s", (hook, fate) => {
  const annotations = hook === undefined ? {} : { annotations: { "helm.sh/hook": hook } };
  expect(fateOf({ apiVersion: "v1", kind: "Pod", metadata: { name: "x", ...annotations } })).toBe(fate);
});
