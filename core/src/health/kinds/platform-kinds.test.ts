import { condition, type HealthCase, object, type Part } from "../health-case.ts";
import { runHealthCases } from "../run-health-cases.test-support.ts";

const says =
  (apiVersion: string, kind: string) =>
  (...conditions: readonly Part[]): HealthCase["object"] =>
    object(apiVersion, kind, { status: { conditions } });
const scaled = says("keda.sh/v1alpha1", "ScaledObject");
const knative = says("serving.knative.dev/v1", "Service");
const prometheus = says("monitoring.coreos.com/v1", "Prometheus");
const phase = (apiVersion: string, kind: string, status: Part): HealthCase["object"] =>
  object(apiVersion, kind, { status });
const longhorn = (state: string, robustness: string): HealthCase["object"] =>
  object("longhorn.io/v1beta2", "Volume", { status: { state, robustness } });
const ceph = (status: Part): HealthCase["object"] => object("ceph.rook.io/v1", "CephCluster", { status });
const machine = (status: Part): HealthCase["object"] => object("kubevirt.io/v1", "VirtualMachine", { status });
const mesh = (status: Part | undefined): HealthCase["object"] =>
  object("networking.istio.io/v1", "VirtualService", status === undefined ? {} : { status });

runHealthCases([
  [
    "KEDA",
    [
      {
        says: "ready",
        object: scaled(
          condition("Ready", "True"),
          condition("Active", "False"),
          condition("Fallback", "False"),
          condition("Paused", "False"),
        ),
        health: "Healthy",
      },
      {
        says: "not ready",
        object: scaled(condition("Ready", "False", { message: "no such trigger" })),
        health: "Degraded",
        message: /no such trigger/,
      },
      {
        says: "paused",
        object: scaled(condition("Ready", "True"), condition("Paused", "True", { message: "paused" })),
        health: "Suspended",
      },
      {
        says: "fallen back",
        object: scaled(condition("Ready", "True"), condition("Fallback", "True")),
        health: "Degraded",
      },
      { says: "new", object: scaled(), health: "Progressing" },
    ],
  ],
  [
    "Knative",
    [
      {
        says: "ready",
        object: knative(
          condition("ConfigurationsReady", "True"),
          condition("RoutesReady", "True"),
          condition("Ready", "True"),
        ),
        health: "Healthy",
      },
      {
        says: "deploying",
        object: knative(condition("Ready", "Unknown", { reason: "IngressNotConfigured" })),
        health: "Progressing",
      },
      {
        says: "failed",
        object: knative(condition("Ready", "False", { reason: "RevisionFailed", message: "container exits" })),
        health: "Degraded",
        message: /container exits/,
      },
    ],
  ],
  [
    "the Prometheus operator",
    [
      {
        says: "available",
        object: prometheus(condition("Available", "True"), condition("Reconciled", "True")),
        health: "Healthy",
      },
      {
        says: "pods starting",
        object: prometheus(
          condition("Available", "False", { reason: "SomePodsNotReady" }),
          condition("Reconciled", "True"),
        ),
        health: "Progressing",
      },
      {
        says: "partly available",
        object: prometheus(condition("Available", "Degraded", { message: "shard 0: 1 of 2" })),
        health: "Degraded",
        message: /1 of 2/,
      },
      {
        says: "not reconciled",
        object: prometheus(condition("Available", "True"), condition("Reconciled", "False", { message: "bad rule" })),
        health: "Degraded",
        message: /bad rule/,
      },
      {
        says: "paused",
        object: object("monitoring.coreos.com/v1", "Alertmanager", { spec: { paused: true } }),
        health: "Suspended",
      },
      {
        says: "a monitor, which has no health",
        object: object("monitoring.coreos.com/v1", "ServiceMonitor", {}),
        health: undefined,
      },
    ],
  ],
  [
    "Velero",
    [
      { says: "backed up", object: phase("velero.io/v1", "Backup", { phase: "Completed" }), health: "Healthy" },
      {
        says: "backed up in part",
        object: phase("velero.io/v1", "Backup", { phase: "PartiallyFailed" }),
        health: "Degraded",
      },
      { says: "at work", object: phase("velero.io/v1", "Restore", { phase: "InProgress" }), health: "Progressing" },
      { says: "schedule enabled", object: phase("velero.io/v1", "Schedule", { phase: "Enabled" }), health: "Healthy" },
      {
        says: "schedule invalid",
        object: phase("velero.io/v1", "Schedule", { phase: "FailedValidation" }),
        health: "Degraded",
      },
      {
        says: "location gone",
        object: phase("velero.io/v1", "BackupStorageLocation", { phase: "Unavailable", message: "no bucket" }),
        health: "Degraded",
        message: /no bucket/,
      },
    ],
  ],
  [
    "Longhorn, Rook and contents of volumes",
    [
      { says: "attached", object: longhorn("attached", "healthy"), health: "Healthy" },
      { says: "rebuilding", object: longhorn("attached", "degraded"), health: "Progressing", message: /rebuilds/ },
      { says: "faulted", object: longhorn("detached", "faulted"), health: "Degraded" },
      { says: "not in use", object: longhorn("detached", "unknown"), health: "Healthy" },
      { says: "attaching", object: longhorn("attaching", "unknown"), health: "Progressing" },
      {
        says: "Ceph well",
        object: ceph({ state: "Created", phase: "Ready", ceph: { health: "HEALTH_OK" } }),
        health: "Healthy",
      },
      {
        says: "Ceph with a warning",
        object: ceph({
          state: "Created",
          ceph: { health: "HEALTH_WARN", details: { MON_DOWN: { message: "1/3 mons down" } } },
        }),
        health: "Degraded",
        message: /HEALTH_WARN: 1\/3 mons down/,
      },
      {
        says: "Ceph being made",
        object: ceph({ state: "Creating", message: "configuring mons" }),
        health: "Progressing",
        message: /mons/,
      },
      { says: "Ceph pool", object: phase("ceph.rook.io/v1", "CephBlockPool", { phase: "Ready" }), health: "Healthy" },
      {
        says: "a disk being imported",
        object: phase("cdi.kubevirt.io/v1beta1", "DataVolume", { phase: "ImportInProgress" }),
        health: "Progressing",
      },
    ],
  ],
  [
    "virtual machines",
    [
      {
        says: "running",
        object: machine({ created: true, printableStatus: "Running", conditions: [condition("Ready", "True")] }),
        health: "Healthy",
      },
      {
        says: "starting",
        object: machine({ created: true, printableStatus: "Starting", conditions: [condition("Ready", "False")] }),
        health: "Progressing",
      },
      {
        says: "switched off",
        object: machine({ printableStatus: "Stopped", conditions: [condition("Ready", "False")] }),
        health: "Suspended",
      },
      {
        says: "paused",
        object: machine({ printableStatus: "Paused", conditions: [condition("Paused", "True")] }),
        health: "Suspended",
      },
      { says: "crashing", object: machine({ printableStatus: "CrashLoopBackOff" }), health: "Degraded" },
      {
        says: "without a place",
        object: machine({ created: true, printableStatus: "ErrorUnschedulable" }),
        health: "Degraded",
      },
    ],
  ],
  [
    "Istio, Contour and operators",
    [
      { says: "configuration without a status", object: mesh(undefined), health: undefined },
      {
        says: "configuration that reached the proxies",
        object: mesh({ observedGeneration: 2, conditions: [condition("Reconciled", "True")] }),
        health: "Healthy",
      },
      {
        says: "configuration under way",
        object: mesh({
          observedGeneration: 2,
          conditions: [condition("Reconciled", "False", { message: "1/2 proxies up to date" })],
        }),
        health: "Progressing",
        message: /proxies/,
      },
      {
        says: "configuration with an error",
        object: mesh({
          validationMessages: [{ level: "ERROR", type: { code: "IST0101", name: "ReferencedResourceNotFound" } }],
        }),
        health: "Degraded",
        message: /ReferencedResourceNotFound \(IST0101\)/,
      },
      {
        says: "configuration with a warning",
        object: mesh({
          conditions: [condition("Reconciled", "True")],
          validationMessages: [{ level: "WARNING", type: { code: "IST0130", name: "Unreachable" } }],
        }),
        health: "Healthy",
        message: /Unreachable/,
      },
      {
        says: "proxy valid",
        object: phase("projectcontour.io/v1", "HTTPProxy", { currentStatus: "valid" }),
        health: "Healthy",
      },
      {
        says: "proxy invalid",
        object: phase("projectcontour.io/v1", "HTTPProxy", {
          currentStatus: "invalid",
          description: "no such service",
        }),
        health: "Degraded",
        message: /no such service/,
      },
      {
        says: "operator installed",
        object: phase("operators.coreos.com/v1alpha1", "ClusterServiceVersion", { phase: "Succeeded" }),
        health: "Healthy",
      },
      {
        says: "install plan that waits for a person",
        object: phase("operators.coreos.com/v1alpha1", "InstallPlan", { phase: "RequiresApproval" }),
        health: "Suspended",
      },
    ],
  ],
]);
