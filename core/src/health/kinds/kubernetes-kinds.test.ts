import { condition, type HealthCase, object, type Part } from "../health-case.ts";
import { runHealthCases } from "../run-health-cases.test-support.ts";

const of =
  (apiVersion: string, kind: string) =>
  (parts: Part, metadata?: Part): HealthCase["object"] =>
    object(apiVersion, kind, parts, metadata);
const node = of("v1", "Node");
const volume = of("v1", "PersistentVolume");
const namespace = of("v1", "Namespace");
const budget = of("policy/v1", "PodDisruptionBudget");
const snapshot = of("snapshot.storage.k8s.io/v1", "VolumeSnapshot");

runHealthCases([
  [
    "Node",
    [
      {
        says: "ready",
        object: node({ status: { conditions: [condition("MemoryPressure", "False"), condition("Ready", "True")] } }),
        health: "Healthy",
      },
      {
        says: "not ready",
        object: node({
          status: { conditions: [condition("Ready", "False", { message: "container runtime is down" })] },
        }),
        health: "Degraded",
        message: /runtime is down/,
      },
      {
        says: "silent",
        object: node({
          status: {
            conditions: [
              condition("Ready", "Unknown", {
                reason: "NodeStatusUnknown",
                message: "Kubelet stopped posting node status.",
              }),
            ],
          },
        }),
        health: "Degraded",
        message: /stopped posting/,
      },
      { says: "new", object: node({}), health: "Progressing" },
    ],
  ],
  [
    "PersistentVolume",
    [
      ...["Available", "Bound", "Released"].map((phase): HealthCase => ({
        says: phase,
        object: volume({ status: { phase } }),
        health: "Healthy",
      })),
      {
        says: "failed",
        object: volume({ status: { phase: "Failed", message: "no plugin to recycle it" } }),
        health: "Degraded",
        message: /Failed: no plugin/,
      },
      { says: "pending", object: volume({ status: { phase: "Pending" } }), health: "Progressing" },
    ],
  ],
  [
    "Namespace",
    [
      { says: "active", object: namespace({ status: { phase: "Active" } }), health: undefined },
      {
        says: "terminating, with what is still inside",
        object: namespace(
          {
            spec: { finalizers: ["kubernetes"] },
            status: {
              phase: "Terminating",
              conditions: [
                condition("NamespaceDeletionDiscoveryFailure", "False"),
                condition("NamespaceContentRemaining", "True", {
                  message: "Some resources are remaining: widgets.example.com has 1 resource instances",
                }),
              ],
            },
          },
          { deletionTimestamp: "2026-01-01T00:05:00Z" },
        ),
        health: "Progressing",
        message: /^Pending deletion since 2026-01-01T00:05:00Z; Some resources are remaining: widgets/,
      },
    ],
  ],
  [
    "PodDisruptionBudget",
    [
      { says: "never seen", object: budget({}), health: "Progressing" },
      { says: "an older spec seen", object: budget({ status: { observedGeneration: 1 } }), health: "Progressing" },
      {
        says: "seen, and nothing may be disrupted",
        object: budget({
          status: {
            observedGeneration: 2,
            disruptionsAllowed: 0,
            conditions: [condition("DisruptionAllowed", "False", { reason: "InsufficientPods" })],
          },
        }),
        health: "Healthy",
      },
    ],
  ],
  [
    "VolumeSnapshot",
    [
      { says: "usable", object: snapshot({ status: { readyToUse: true } }), health: "Healthy" },
      { says: "being taken", object: snapshot({ status: { readyToUse: false } }), health: "Progressing" },
      {
        says: "refused",
        object: snapshot({ status: { readyToUse: false, error: { message: "class not found" } } }),
        health: "Degraded",
        message: /class not found/,
      },
    ],
  ],
  [
    "other kinds of Kubernetes",
    [
      {
        says: "a request for a certificate",
        object: object("certificates.k8s.io/v1", "CertificateSigningRequest", {}),
        health: "Progressing",
      },
      {
        says: "one that was denied",
        object: object("certificates.k8s.io/v1", "CertificateSigningRequest", {
          status: { conditions: [condition("Denied", "True")] },
        }),
        health: "Degraded",
      },
      {
        says: "one that was approved",
        object: object("certificates.k8s.io/v1", "CertificateSigningRequest", {
          status: { conditions: [condition("Approved", "True")] },
        }),
        health: "Healthy",
      },
      {
        says: "a flow schema without its level",
        object: object("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", {
          status: { conditions: [condition("Dangling", "True")] },
        }),
        health: "Degraded",
      },
      {
        says: "a replication controller",
        object: object("v1", "ReplicationController", {
          spec: { replicas: 1 },
          status: {
            observedGeneration: 2,
            replicas: 1,
            fullyLabeledReplicas: 1,
            readyReplicas: 1,
            availableReplicas: 1,
          },
        }),
        health: "Healthy",
      },
      ...(["ServiceAccount", "Secret", "ConfigMap", "ResourceQuota", "LimitRange", "Endpoints"] as const).map(
        (kind): HealthCase => ({ says: kind, object: object("v1", kind, {}), health: undefined }),
      ),
      {
        says: "NetworkPolicy",
        object: object("networking.k8s.io/v1", "NetworkPolicy", { spec: {} }),
        health: undefined,
      },
      {
        says: "ClusterRoleBinding",
        object: object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {}),
        health: undefined,
      },
      { says: "StorageClass", object: object("storage.k8s.io/v1", "StorageClass", {}), health: undefined },
    ],
  ],
]);
