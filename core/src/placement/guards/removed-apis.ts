/** A built-in API that Kubernetes does not serve any more. */
export interface RemovedApi {
  /** First minor version of Kubernetes 1 without it. */
  readonly removedIn: number;
  /** What to write instead; "" when there is nothing. */
  readonly instead: string;
}

/** As the deprecation guide of Kubernetes lists them: removed in 1.x, API, kinds, what came instead. */
const REMOVALS: readonly (readonly [number, string, string, string])[] = [
  [16, "extensions/v1beta1", "DaemonSet Deployment ReplicaSet", "apps/v1"],
  [16, "extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"],
  [16, "extensions/v1beta1", "PodSecurityPolicy", ""],
  [16, "apps/v1beta1", "Deployment StatefulSet ControllerRevision", "apps/v1"],
  [16, "apps/v1beta2", "DaemonSet Deployment ReplicaSet StatefulSet ControllerRevision", "apps/v1"],
  [
    22,
    "admissionregistration.k8s.io/v1beta1",
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io/v1",
  ],
  [22, "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "apiextensions.k8s.io/v1"],
  [22, "apiregistration.k8s.io/v1beta1", "APIService", "apiregistration.k8s.io/v1"],
  [22, "certificates.k8s.io/v1beta1", "CertificateSigningRequest", "certificates.k8s.io/v1"],
  [22, "coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1"],
  [22, "extensions/v1beta1", "Ingress", "networking.k8s.io/v1"],
  [22, "networking.k8s.io/v1beta1", "Ingress IngressClass", "networking.k8s.io/v1"],
  [
    22,
    "rbac.authorization.k8s.io/v1beta1",
    "ClusterRole ClusterRoleBinding Role RoleBinding",
    "rbac.authorization.k8s.io/v1",
  ],
  [22, "scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1"],
  [22, "storage.k8s.io/v1beta1", "CSIDriver CSINode StorageClass VolumeAttachment", "storage.k8s.io/v1"],
  [25, "batch/v1beta1", "CronJob", "batch/v1"],
  [25, "discovery.k8s.io/v1beta1", "EndpointSlice", "discovery.k8s.io/v1"],
  [25, "events.k8s.io/v1beta1", "Event", "events.k8s.io/v1"],
  [25, "autoscaling/v2beta1", "HorizontalPodAutoscaler", "autoscaling/v2"],
  [25, "policy/v1beta1", "PodDisruptionBudget", "policy/v1"],
  [25, "policy/v1beta1", "PodSecurityPolicy", ""],
  [25, "node.k8s.io/v1beta1", "RuntimeClass", "node.k8s.io/v1"],
  [
    26,
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "FlowSchema PriorityLevelConfiguration",
    "flowcontrol.apiserver.k8s.io/v1",
  ],
  [26, "autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"],
  [27, "storage.k8s.io/v1beta1", "CSIStorageCapacity", "storage.k8s.io/v1"],
  [
    29,
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "FlowSchema PriorityLevelConfiguration",
    "flowcontrol.apiserver.k8s.io/v1",
  ],
  [
    32,
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "FlowSchema PriorityLevelConfiguration",
    "flowcontrol.apiserver.k8s.io/v1",
  ],
];

const BY_KIND: ReadonlyMap<string, RemovedApi> = new Map(
  REMOVALS.flatMap(([removedIn, apiVersion, kinds, instead]) =>
    kinds.split(" ").map((kind) => [`${apiVersion}/${kind}`, { removedIn, instead }] as const),
  ),
);

/** For `group/version/Kind`; undefined for what was never removed. */
export function removedApiOf(kind: string): RemovedApi | undefined {
  return BY_KIND.get(kind);
}

/** 37 of `v1.37.0`, `1.37+`; undefined when it is not known. */
export function kubernetesMinorOf(version: string): number | undefined {
  const minor = /^v?1\.(\d+)/.exec(version)?.[1];
  return minor === undefined ? undefined : Number(minor);
}
