import { expect, test } from "vitest";
import { NO_GUARDRAILS, barrierTo, guardrailAgainst } from "./guardrails.ts";
import type { Guardrails } from "./guardrails.ts";

const rails = (part: Partial<Guardrails>): Guardrails => ({ ...NO_GUARDRAILS, ...part });

test.each([
  ["/Secret/web/a", { deniedKinds: ["Secret"] }, "deniedKinds (Secret)"],
  ["/Secret/web/a", { deniedKinds: ["secret"] }, "deniedKinds (secret)"],
  ["apps/StatefulSet/web/a", { deniedKinds: ["statefulset.apps"] }, "deniedKinds (statefulset.apps)"],
  ["/ConfigMap/web/a", { deniedKinds: ["Secret"] }, undefined],
  ["shop.example/Secret/web/a", { deniedKinds: ["Secret"] }, "deniedKinds (Secret)"],
  [
    "rbac.authorization.k8s.io/ClusterRole//a",
    { deniedKinds: ["ClusterRole.rbac.authorization.k8s.io"] },
    "deniedKinds (ClusterRole.rbac.authorization.k8s.io)",
  ],
  ["shop.example/ClusterRole//a", { deniedKinds: ["ClusterRole.rbac.authorization.k8s.io"] }, undefined],
  ["cert-manager.io/Issuer/web/a", { deniedKinds: ["*.cert-manager.io"] }, "deniedKinds (*.cert-manager.io)"],
  ["/ConfigMap/kube-system/a", { deniedNamespaces: ["kube-*"] }, "deniedNamespaces (kube-*)"],
  ["/Namespace//kube-public", { deniedNamespaces: ["kube-*"] }, "deniedNamespaces (kube-*)"],
  ["/ConfigMap/web/a", { allowedNamespaces: ["team-*", "shop"] }, "allowedNamespaces (team-*, shop)"],
  ["/ConfigMap/team-a/a", { allowedNamespaces: ["team-*", "shop"] }, undefined],
  ["storage.k8s.io/StorageClass//fast", { allowedNamespaces: ["shop"] }, undefined],
] as const)("of %s guardrails %j say %s", (id, part, expected) => {
  expect(guardrailAgainst(id, rails(part))).toBe(expected);
});

test("a barrier names the first object and counts the others", () => {
  const ids = ["/ConfigMap/web/a", "/Secret/web/b", "/Secret/web/c", "/Secret/web/d"];
  expect(barrierTo(ids, NO_GUARDRAILS)).toBeUndefined();
  expect(barrierTo(ids, rails({ deniedKinds: ["Secret"] }))).toBe(
    "guardrail deniedKinds (Secret) of this cluster forbids Secret web/b and 2 more",
  );
});
