import type { StatusRule } from "../status-rule.ts";

/** What platforms are made of: scaling, serving, monitoring, backup, storage, machines, operators. */
export const PLATFORM_KINDS: readonly StatusRule[] = [
  {
    kinds: ["keda.sh/ScaledObject", "keda.sh/ScaledJob"],
    conditions: [
      { type: "Ready", verdicts: { False: "Degraded" } },
      { type: "Fallback", verdicts: { True: "Degraded" } },
      { type: "Paused", verdicts: { True: "Suspended" } },
      { type: "Ready", verdicts: { True: "Healthy", Unknown: "Progressing" } },
    ],
    waitsFor: "its autoscaler",
  },
  {
    kinds: [
      "serving.knative.dev/Service",
      "serving.knative.dev/Route",
      "serving.knative.dev/Configuration",
      "serving.knative.dev/Revision",
      "eventing.knative.dev/*",
      "messaging.knative.dev/*",
      "sources.knative.dev/*",
    ],
    conditions: [{ type: "Ready", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } }],
    waitsFor: "its controller",
  },
  {
    kinds: [
      "monitoring.coreos.com/Prometheus",
      "monitoring.coreos.com/PrometheusAgent",
      "monitoring.coreos.com/Alertmanager",
      "monitoring.coreos.com/ThanosRuler",
    ],
    suspendedBy: ["spec.paused"],
    conditions: [
      { type: "Reconciled", verdicts: { False: "Degraded" } },
      {
        type: "Available",
        verdicts: { True: "Healthy", Degraded: "Degraded", False: "Degraded", Unknown: "Progressing" },
        reasons: { SomePodsNotReady: "Progressing" },
      },
    ],
    waitsFor: "its operator",
  },
  {
    kinds: ["velero.io/Backup", "velero.io/Restore"],
    phase: {
      path: "status.phase",
      words: {
        Healthy: ["Completed"],
        Degraded: [
          "Failed",
          "PartiallyFailed",
          "FailedValidation",
          "WaitingForPluginOperationsPartiallyFailed",
          "FinalizingPartiallyFailed",
        ],
      },
      says: ["status.failureReason"],
    },
    waitsFor: "its start",
  },
  {
    kinds: ["velero.io/Schedule"],
    suspendedBy: ["spec.paused"],
    phase: { path: "status.phase", words: { Healthy: ["Enabled"], Degraded: ["FailedValidation"] } },
    waitsFor: "its validation",
  },
  {
    kinds: ["velero.io/BackupStorageLocation", "velero.io/VolumeSnapshotLocation", "velero.io/BackupRepository"],
    phase: {
      path: "status.phase",
      words: { Healthy: ["Available", "Ready"], Degraded: ["Unavailable", "NotReady"] },
      says: ["status.message"],
    },
  },
  {
    kinds: ["ceph.rook.io/CephBlockPool", "ceph.rook.io/CephFilesystem", "ceph.rook.io/CephObjectStore"],
    phase: {
      path: "status.phase",
      words: { Healthy: ["Ready", "Connected"], Degraded: ["Failure", "ReconcileFailed"] },
    },
    waitsFor: "its operator",
  },
  {
    kinds: ["cdi.kubevirt.io/DataVolume"],
    phase: { path: "status.phase", words: { Healthy: ["Succeeded"], Suspended: ["Paused"], Degraded: ["Failed"] } },
    waitsFor: "its import",
  },
  {
    kinds: ["operators.coreos.com/ClusterServiceVersion", "operators.coreos.com/InstallPlan"],
    phase: {
      path: "status.phase",
      words: { Healthy: ["Succeeded", "Complete"], Suspended: ["RequiresApproval"], Degraded: ["Failed"] },
      says: ["status.message"],
    },
    waitsFor: "its operator",
  },
  {
    kinds: ["projectcontour.io/HTTPProxy"],
    phase: {
      path: "status.currentStatus",
      words: { Healthy: ["valid"], Degraded: ["invalid", "orphaned"] },
      says: ["status.description"],
    },
    waitsFor: "its controller",
  },
];
