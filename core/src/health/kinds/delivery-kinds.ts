import type { StatusRule } from "../status-rule.ts";

const RUN_WORDS = {
  Healthy: ["Succeeded", "Successful"],
  Degraded: ["Failed", "Error", "Inconclusive"],
} as const;

/** What delivers and runs: Argo, Flux, Tekton. */
export const DELIVERY_KINDS: readonly StatusRule[] = [
  {
    kinds: ["argoproj.io/Application"],
    phase: {
      path: "status.health.status",
      words: {
        Healthy: ["Healthy"],
        Suspended: ["Suspended"],
        Missing: ["Missing"],
        Degraded: ["Degraded"],
        Unknown: ["Unknown"],
      },
      says: ["status.health.message"],
    },
    waitsFor: "its first reconciliation",
  },
  {
    kinds: ["argoproj.io/ApplicationSet"],
    conditions: [
      { type: "ErrorOccurred", verdicts: { True: "Degraded" } },
      { type: "ResourcesUpToDate", verdicts: { False: "Degraded" } },
      { type: "RolloutProgressing", verdicts: { True: "Progressing" } },
      { type: "ResourcesUpToDate", verdicts: { True: "Healthy" } },
    ],
    waitsFor: "its first reconciliation",
  },
  {
    kinds: [
      "argoproj.io/AnalysisRun",
      "argoproj.io/Experiment",
      "argoproj.io/Workflow",
      "tekton.dev/PipelineRun",
      "tekton.dev/TaskRun",
    ],
    conditions: [{ type: "Succeeded", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } }],
    phase: { path: "status.phase", words: RUN_WORDS, says: ["status.message"] },
    waitsFor: "its start",
  },
  {
    kinds: [
      "kustomize.toolkit.fluxcd.io/Kustomization",
      "helm.toolkit.fluxcd.io/HelmRelease",
      "source.toolkit.fluxcd.io/GitRepository",
      "source.toolkit.fluxcd.io/OCIRepository",
      "source.toolkit.fluxcd.io/HelmChart",
      "source.toolkit.fluxcd.io/Bucket",
      "image.toolkit.fluxcd.io/ImageRepository",
      "image.toolkit.fluxcd.io/ImagePolicy",
      "image.toolkit.fluxcd.io/ImageUpdateAutomation",
      "notification.toolkit.fluxcd.io/Receiver",
      "fluxcd.controlplane.io/ResourceSet",
      "fluxcd.controlplane.io/FluxInstance",
    ],
    suspendedBy: ["spec.suspend"],
    conditions: [
      { type: "Stalled", verdicts: { True: "Degraded" } },
      // After a failure it stays Reconciling for as long as it retries: what failed is in Ready.
      { type: "Reconciling", verdicts: { True: "Progressing" }, reasons: { ProgressingWithRetry: "pass" } },
      {
        type: "Ready",
        verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" },
        reasons: { DependencyNotReady: "Progressing" },
      },
    ],
    waitsFor: "its first reconciliation",
  },
  {
    // A repository of type oci is only an address: it has no status.
    kinds: ["source.toolkit.fluxcd.io/HelmRepository"],
    suspendedBy: ["spec.suspend"],
    conditions: [{ type: "Ready", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } }],
  },
];
