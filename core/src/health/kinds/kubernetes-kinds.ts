import type { StatusRule } from "../status-rule.ts";

/** Kinds of Kubernetes itself that need no rule in code. */
export const KUBERNETES_KINDS: readonly StatusRule[] = [
  {
    kinds: ["/Node"],
    conditions: [{ type: "Ready", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Degraded" } }],
    waitsFor: "its first heartbeat",
  },
  {
    kinds: ["/PersistentVolume"],
    phase: {
      path: "status.phase",
      words: { Healthy: ["Available", "Bound", "Released"], Degraded: ["Failed"] },
      says: ["status.message", "status.reason"],
    },
    waitsFor: "its controller",
  },
  {
    kinds: ["certificates.k8s.io/CertificateSigningRequest"],
    conditions: [
      { type: "Denied", verdicts: { True: "Degraded" } },
      { type: "Failed", verdicts: { True: "Degraded" } },
      { type: "Approved", verdicts: { True: "Healthy" } },
    ],
    waitsFor: "an approval",
  },
  {
    kinds: ["flowcontrol.apiserver.k8s.io/FlowSchema"],
    conditions: [{ type: "Dangling", verdicts: { True: "Degraded", False: "Healthy" } }],
  },
];
