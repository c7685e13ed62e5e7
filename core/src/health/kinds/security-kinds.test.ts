import { condition, type HealthCase, object, type Part } from "../health-case.ts";
import { runHealthCases } from "../run-health-cases.test-support.ts";

const says =
  (apiVersion: string, kind: string) =>
  (...conditions: readonly Part[]): HealthCase["object"] =>
    object(apiVersion, kind, conditions.length === 0 ? {} : { status: { conditions } });
const certificate = says("cert-manager.io/v1", "Certificate");
const request = says("cert-manager.io/v1", "CertificateRequest");
const issuer = says("cert-manager.io/v1", "ClusterIssuer");
const external = says("external-secrets.io/v1", "ExternalSecret");
const sealed = says("bitnami.com/v1alpha1", "SealedSecret");
const order = (state: string | undefined, reason?: string): HealthCase["object"] =>
  object("acme.cert-manager.io/v1", "Order", state === undefined ? {} : { status: { state, reason } });

runHealthCases([
  [
    "cert-manager",
    [
      { says: "new", object: certificate(), health: "Progressing" },
      { says: "issued", object: certificate(condition("Ready", "True")), health: "Healthy" },
      {
        says: "being issued",
        object: certificate(
          condition("Ready", "False", { reason: "DoesNotExist" }),
          condition("Issuing", "True", { message: "issuing as its secret does not exist" }),
        ),
        health: "Progressing",
        message: /issuing as/,
      },
      {
        says: "being renewed",
        object: certificate(condition("Ready", "True"), condition("Issuing", "True")),
        health: "Progressing",
      },
      {
        says: "failed",
        object: certificate(
          condition("Issuing", "False", { reason: "Failed" }),
          condition("Ready", "False", { message: "the order is invalid" }),
        ),
        health: "Degraded",
        message: /order is invalid/,
      },
      {
        says: "ready for an older spec",
        object: certificate(condition("Ready", "True", { observedGeneration: 1 })),
        health: "Progressing",
      },
      { says: "an issuer that is ready", object: issuer(condition("Ready", "True")), health: "Healthy" },
      {
        says: "an issuer that could not register",
        object: issuer(condition("Ready", "False", { reason: "ErrRegisterACMEAccount" })),
        health: "Degraded",
      },
      { says: "a new issuer", object: issuer(), health: "Progressing" },
      {
        says: "a request that waits",
        object: request(condition("Approved", "True"), condition("Ready", "False", { reason: "Pending" })),
        health: "Progressing",
      },
      {
        says: "a request that was denied",
        object: request(
          condition("Denied", "True", { message: "policy" }),
          condition("Ready", "False", { reason: "Denied" }),
        ),
        health: "Degraded",
        message: /policy/,
      },
      {
        says: "a request that failed",
        object: request(condition("Ready", "False", { reason: "Failed" })),
        health: "Degraded",
      },
      { says: "a request that is signed", object: request(condition("Ready", "True")), health: "Healthy" },
      { says: "an order that is valid", object: order("valid"), health: "Healthy" },
      { says: "an order that is pending", object: order("pending"), health: "Progressing" },
      {
        says: "an order that errored",
        object: order("errored", "rate limited"),
        health: "Degraded",
        message: /rate limited/,
      },
      { says: "a new order", object: order(undefined), health: "Progressing" },
      {
        says: "a challenge that is invalid",
        object: object("acme.cert-manager.io/v1", "Challenge", {
          status: { state: "invalid", reason: "DNS record not found" },
        }),
        health: "Degraded",
        message: /DNS record/,
      },
    ],
  ],
  [
    "secrets from elsewhere",
    [
      {
        says: "synchronised",
        object: external(condition("Ready", "True", { reason: "SecretSynced" })),
        health: "Healthy",
      },
      {
        says: "not synchronised",
        object: external(condition("Ready", "False", { reason: "SecretSyncedError", message: "could not get secret" })),
        health: "Degraded",
        message: /could not get/,
      },
      { says: "new", object: external(), health: "Progressing" },
      {
        says: "a store that does not answer",
        object: says("external-secrets.io/v1", "ClusterSecretStore")(condition("Ready", "False")),
        health: "Degraded",
      },
      { says: "unsealed", object: sealed(condition("Synced", "True")), health: "Healthy" },
      {
        says: "cannot be unsealed",
        object: sealed(condition("Synced", "False", { message: "no key could decrypt secret" })),
        health: "Degraded",
        message: /no key/,
      },
      { says: "not unsealed yet", object: sealed(), health: "Progressing" },
    ],
  ],
]);
