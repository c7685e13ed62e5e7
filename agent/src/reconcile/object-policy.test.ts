import { describe, expect, test } from "vitest";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { isKeptFromPrune, isLeftAlone, isMadeOnce, isMerged, isPaused } from "./object-policy.ts";
import { configMapOf } from "./reconcile-fixture.ts";

const annotated = (annotations: Readonly<Record<string, string>>): KubeObject => {
  const object = configMapOf("default/x");
  return { ...object, metadata: { ...object.metadata, annotations } };
};
const plain = annotated({});

describe("what annotations of an object say", () => {
  test("values count whatever their case", () => {
    expect(isPaused(annotated({ "axle.dev/reconcile": "DISABLED" }))).toBe(true);
    expect(isPaused(annotated({ "axle.dev/apply": "ignore" }))).toBe(true);
    expect(isPaused(annotated({ "axle.dev/reconcile": "enabled" }))).toBe(false);
  });

  test("Git and the cluster may each leave an object alone; made once is Git's word only", () => {
    const paused = annotated({ "axle.dev/reconcile": "disabled" });
    const once = annotated({ "axle.dev/apply": "IfNotPresent" });
    expect([isLeftAlone(paused, plain), isLeftAlone(plain, paused)]).toEqual([true, true]);
    expect([isLeftAlone(once, plain), isLeftAlone(plain, once)]).toEqual([true, false]);
    expect(isMadeOnce(once)).toBe(true);
  });

  test("either may keep what others set", () => {
    const merged = annotated({ "axle.dev/apply": "Merge" });
    expect([isMerged(merged, plain), isMerged(plain, merged), isMerged(plain, plain)]).toEqual([true, true, false]);
  });

  test.for([
    { "axle.dev/prune": "disabled" },
    { "axle.dev/reconcile": "disabled" },
    { "axle.dev/apply": "Ignore" },
    { "kustomize.toolkit.fluxcd.io/prune": "Disabled" },
    { "argocd.argoproj.io/sync-options": "Validate=false,Prune=false" },
    { "argocd.argoproj.io/sync-options": "Delete=false" },
  ])("%o keeps an object from being pruned", (annotations) => {
    expect(isKeptFromPrune(annotated(annotations))).toBe(true);
  });

  test("options that only resemble it do not", () => {
    expect(isKeptFromPrune(annotated({ "argocd.argoproj.io/sync-options": "PruneLast=true" }))).toBe(false);
  });
});
