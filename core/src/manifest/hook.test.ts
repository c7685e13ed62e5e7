import { expect, test } from "vitest";
import { orderOf } from "./hook.ts";
import type { KubeObject } from "./object.ts";

const JOB = { apiVersion: "batch/v1", kind: "Job" };
const CONFIG = { apiVersion: "v1", kind: "ConfigMap" };

function order(annotations: Readonly<Record<string, string>>, kind: typeof JOB = JOB) {
  const object: KubeObject = { ...kind, metadata: { name: "it", namespace: "web", annotations } };
  const found = orderOf(object);
  if (found === undefined) return undefined;
  const { install, upgrade, onFailure, wave, isHook, deletions, problem } = found;
  const flags = [isHook ? "hook" : "", onFailure ? "on-failure" : "", ...deletions].filter(Boolean).join(" ");
  return problem ?? `${install ?? "-"}/${upgrade ?? "-"} ${wave} ${flags}`.trim();
}

test("an object without any of the annotations has no order of its own", () => {
  expect(order({})).toBeUndefined();
  expect(order({ "axle.dev/app": "web" })).toBeUndefined();
  expect(orderOf({ ...JOB, metadata: { name: "bare" } })).toBeUndefined();
});

test.each([
  [{ "axle.dev/phase": "pre" }, "pre/pre 0 hook"],
  [{ "axle.dev/phase": "post", "axle.dev/wave": "-3" }, "post/post -3 hook"],
  [{ "axle.dev/phase": "sync", "axle.dev/wave": "2" }, "sync/sync 2"],
  [{ "axle.dev/phase": "pre", "axle.dev/hook-delete": "succeeded, failed" }, "pre/pre 0 hook succeeded failed"],
  [{ "argocd.argoproj.io/hook": "PreSync" }, "pre/pre 0 hook"],
  [{ "argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/sync-wave": "5" }, "sync/sync 5 hook"],
  [
    { "argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/hook-delete-policy": "HookSucceeded" },
    "post/post 0 hook succeeded",
  ],
  [{ "argocd.argoproj.io/hook": "SyncFail" }, "-/- 0 hook on-failure"],
  [{ "argocd.argoproj.io/hook": "Skip" }, "-/- 0 hook"],
  [{ "argocd.argoproj.io/sync-wave": "1" }, "sync/sync 1"],
  [{ "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "-5" }, "pre/pre -5 hook"],
  [{ "helm.sh/hook": "pre-install" }, "pre/- 0 hook"],
  [{ "helm.sh/hook": "pre-install,post-upgrade" }, "pre/post 0 hook"],
  [
    { "helm.sh/hook": "post-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation,hook-failed" },
    "-/post 0 hook before-creation failed",
  ],
  [{ "axle.dev/phase": "post", "helm.sh/hook": "pre-install" }, "post/post 0 hook"],
])("%j of a Job is read as %s", (annotations, expected) => {
  expect(order(annotations as unknown as Record<string, string>)).toBe(expected);
});

test("what does not run to an end is kept in its phase, unless it is to be deleted", () => {
  expect(order({ "helm.sh/hook": "pre-install,pre-upgrade" }, CONFIG)).toBe("pre/pre 0");
  expect(order({ "helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": "hook-succeeded" }, CONFIG)).toBe(
    "pre/- 0 hook succeeded",
  );
});

test("an annotation that cannot be understood is a problem", () => {
  expect(order({ "axle.dev/wave": "first" })).toBe('axle.dev/wave is "first", not a whole number');
  expect(order({ "axle.dev/phase": "before" })).toBe('axle.dev/phase is "before", not one of pre, sync, post');
});
