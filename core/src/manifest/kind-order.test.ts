import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareForApply, stageOf } from "./kind-order.ts";
import { isClusterScoped } from "./kind-scope.ts";
import { formatId, parseId } from "./object.ts";
import type { ObjectRef } from "./object.ts";

function ref(id: string): ObjectRef {
  const parsed = parseId(id);
  if (parsed === undefined) throw new Error(`no id: ${id}`);
  return parsed;
}

const anyRef: fc.Arbitrary<ObjectRef> = fc.record({
  group: fc.constantFrom("", "apps", "example.com", "rbac.authorization.k8s.io", "admissionregistration.k8s.io"),
  kind: fc.constantFrom(
    "Namespace",
    "ClusterRole",
    "Widget",
    "WidgetClass",
    "Deployment",
    "ValidatingWebhookConfiguration",
  ),
  namespace: fc.constantFrom("", "a", "b"),
  name: fc.constantFrom("x", "y"),
});

describe("the order of applying", () => {
  it("is namespaces, definitions, classes, rights, configuration, workloads, the rest, webhooks", () => {
    const expected = [
      "/Namespace//web",
      "apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com",
      "rbac.authorization.k8s.io/ClusterRole//web",
      "storage.k8s.io/StorageClass//fast",
      "example.com/WidgetClass//w",
      "rbac.authorization.k8s.io/ClusterRoleBinding//web",
      "/ServiceAccount/web/web",
      "/ConfigMap/web/a",
      "/ConfigMap/web/b",
      "/Secret/web/a",
      "/Service/web/web",
      "apps/Deployment/web/web",
      "example.com/Widget/web/w",
      "networking.k8s.io/Ingress/web/web",
      "apiregistration.k8s.io/APIService//v1.x",
      "admissionregistration.k8s.io/ValidatingWebhookConfiguration//web",
    ];
    const sorted = expected.toReversed().map(ref).toSorted(compareForApply).map(formatId);
    expect(sorted.filter((id) => !id.includes("Ingress") && !id.includes("/Widget/"))).toEqual(
      expected.filter((id) => !id.includes("Ingress") && !id.includes("/Widget/")),
    );
    expect(sorted.indexOf("example.com/Widget/web/w")).toBeGreaterThan(sorted.indexOf("apps/Deployment/web/web"));
  });

  it.each([
    ["/Namespace//a", "prerequisites"],
    ["apiextensions.k8s.io/CustomResourceDefinition//a", "prerequisites"],
    ["gateway.networking.k8s.io/GatewayClass//a", "classes"],
    ["example.com/Class/a/a", "objects"],
    ["serving.knative.dev/Service/a/a", "objects"],
    ["admissionregistration.k8s.io/MutatingWebhookConfiguration//a", "webhooks"],
  ])("puts %s into the stage %s", (id, stage) => {
    expect(stageOf(ref(id))).toBe(stage);
  });

  it("takes a Knative Service for what it is, not for a core Service", () => {
    const core = ref("/Service/a/a");
    const knative = ref("serving.knative.dev/Service/a/a");
    expect(compareForApply(core, knative)).toBeLessThan(0);
    expect(compareForApply(ref("apps/Deployment/a/a"), knative)).toBeLessThan(0);
  });

  it("is a total order: one result whatever the order of the input", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyRef, { selector: formatId }), (refs) => {
        const sorted = refs.toSorted(compareForApply).map(formatId);
        expect(refs.toReversed().toSorted(compareForApply).map(formatId)).toEqual(sorted);
      }),
    );
  });
});

describe("isClusterScoped", () => {
  it.each<[string, string, boolean | undefined]>([
    ["", "Namespace", true],
    ["", "ConfigMap", false],
    ["rbac.authorization.k8s.io", "ClusterRole", true],
    ["rbac.authorization.k8s.io", "Role", false],
    ["example.com", "Namespace", undefined],
  ])("%s/%s: %s", (group, kind, expected) => {
    expect(isClusterScoped(group, kind)).toBe(expected);
  });
});
