import type { StatusRule } from "../status-rule.ts";

/** What provides clouds and clusters: Crossplane, the clouds' own controllers, Cluster API, Karpenter. */
export const CLOUD_KINDS: readonly StatusRule[] = [
  {
    kinds: ["*.crossplane.io/*", "*.upbound.io/*"],
    conditions: [
      { type: "LastAsyncOperation", verdicts: { False: "Degraded" } },
      { type: "Synced", verdicts: { False: "Degraded" } },
      { type: "Installed", verdicts: { False: "Progressing" } },
      { type: "Ready", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
      { type: "Healthy", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
      { type: "RevisionHealthy", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
      { type: "Offered", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
      { type: "Established", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
      { type: "ValidPipeline", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
    ],
  },
  {
    kinds: ["*.services.k8s.aws/*"],
    conditions: [
      { type: "ACK.Terminal", verdicts: { True: "Degraded" } },
      { type: "Ready", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
      { type: "ACK.ResourceSynced", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
    ],
    waitsFor: "its controller",
  },
  {
    kinds: ["*.cnrm.cloud.google.com/*"],
    conditions: [
      {
        type: "Ready",
        verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" },
        reasons: { UpdateFailed: "Degraded", DependencyNotFound: "Degraded", DependencyInvalid: "Degraded" },
      },
    ],
  },
  {
    kinds: ["*.azure.com/*"],
    conditions: [{ type: "Ready", verdicts: { True: "Healthy", Unknown: "Progressing" }, graded: true }],
  },
  {
    kinds: [
      "cluster.x-k8s.io/Cluster",
      "cluster.x-k8s.io/Machine",
      "cluster.x-k8s.io/MachineDeployment",
      "cluster.x-k8s.io/MachinePool",
      "cluster.x-k8s.io/MachineSet",
      "controlplane.cluster.x-k8s.io/KubeadmControlPlane",
    ],
    suspendedBy: ["spec.paused"],
    conditions: [
      { type: "Ready", verdicts: { Unknown: "Progressing" }, graded: true },
      { type: "Available", verdicts: { False: "Progressing", Unknown: "Progressing" } },
      { type: "RollingOut", verdicts: { True: "Progressing" } },
      { type: "ScalingUp", verdicts: { True: "Progressing" } },
      { type: "ScalingDown", verdicts: { True: "Progressing" } },
      { type: "Available", verdicts: { True: "Healthy" } },
    ],
    phase: {
      path: "status.phase",
      words: { Healthy: ["Provisioned", "Running"], Degraded: ["Failed"], Unknown: ["Unknown"] },
      says: ["status.failureMessage", "status.failureReason"],
    },
  },
  {
    kinds: ["karpenter.sh/NodePool", "karpenter.k8s.aws/EC2NodeClass", "karpenter.azure.com/AKSNodeClass"],
    conditions: [
      { type: "NodeClassReady", verdicts: { False: "Degraded" } },
      { type: "Ready", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
    ],
    waitsFor: "its controller",
  },
  {
    kinds: ["karpenter.sh/NodeClaim"],
    conditions: [
      { type: "Launched", verdicts: { False: "Degraded" } },
      { type: "Ready", verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" } },
    ],
    waitsFor: "its node",
  },
];
