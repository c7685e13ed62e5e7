import type { ConditionRule, StatusRule } from "../status-rule.ts";

const READY_OR_BROKEN: ConditionRule = {
  type: "Ready",
  verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" },
};

/** What brings certificates and secrets: cert-manager, External Secrets, Sealed Secrets. */
export const SECURITY_KINDS: readonly StatusRule[] = [
  {
    kinds: ["cert-manager.io/Certificate"],
    conditions: [{ type: "Issuing", verdicts: { True: "Progressing" } }, READY_OR_BROKEN],
    waitsFor: "its certificate",
  },
  {
    kinds: ["cert-manager.io/Issuer", "cert-manager.io/ClusterIssuer"],
    conditions: [READY_OR_BROKEN],
    waitsFor: "its first registration",
  },
  {
    kinds: ["cert-manager.io/CertificateRequest"],
    conditions: [
      { type: "Denied", verdicts: { True: "Degraded" } },
      { type: "InvalidRequest", verdicts: { True: "Degraded" } },
      { ...READY_OR_BROKEN, reasons: { Pending: "Progressing" } },
    ],
    waitsFor: "an approval",
  },
  {
    kinds: ["acme.cert-manager.io/Order", "acme.cert-manager.io/Challenge"],
    phase: {
      path: "status.state",
      words: { Healthy: ["valid"], Degraded: ["invalid", "expired", "errored"] },
      says: ["status.reason"],
    },
    waitsFor: "its issuer",
  },
  {
    kinds: [
      "external-secrets.io/ExternalSecret",
      "external-secrets.io/ClusterExternalSecret",
      "external-secrets.io/PushSecret",
      "external-secrets.io/ClusterPushSecret",
      "external-secrets.io/SecretStore",
      "external-secrets.io/ClusterSecretStore",
    ],
    conditions: [READY_OR_BROKEN],
    waitsFor: "its first synchronisation",
  },
  {
    kinds: ["bitnami.com/SealedSecret"],
    conditions: [{ type: "Synced", verdicts: { True: "Healthy", False: "Degraded" } }],
    waitsFor: "its secret to be unsealed",
  },
];
