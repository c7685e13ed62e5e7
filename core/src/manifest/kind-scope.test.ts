import { describe, expect, it } from "vitest";
import { isClusterScoped, unknownBuiltIn } from "./kind-scope.ts";

describe("kinds of Kubernetes itself", () => {
  it("stand outside namespaces or in one", () => {
    expect(isClusterScoped("", "Namespace")).toBe(true);
    expect(isClusterScoped("apps", "Deployment")).toBe(false);
    expect(isClusterScoped("example.com", "Widget")).toBeUndefined();
  });

  it.each([
    ["apps", "Deploymnt", 'Kubernetes\' own group apps has no kind Deploymnt; did you mean "Deployment"?'],
    ["", "Configmap", 'Kubernetes\' own group v1 has no kind Configmap; did you mean "ConfigMap"?'],
    ["rbac.authorization.k8s.io", "Thing", "Kubernetes' own group rbac.authorization.k8s.io has no kind Thing"],
  ])("are told from what is misspelt: %s/%s", (group, kind, message) => {
    expect(unknownBuiltIn(group, kind)).toBe(message);
  });

  it.each([
    ["apps", "Deployment"],
    ["", "Pod"],
    ["example.com", "Deploymnt"],
    ["gateway.networking.k8s.io", "HTTPRoute"],
    ["constructor", "Pod"],
  ])("leave %s/%s alone", (group, kind) => {
    expect(unknownBuiltIn(group, kind)).toBeUndefined();
  });
});
