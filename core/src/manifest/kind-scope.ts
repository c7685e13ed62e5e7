import { didYouMean } from "../fleet/suggest.ts";

/** Kinds Kubernetes itself serves, by group ("" is core): those that stand outside namespaces, and those inside. */
const BUILT_IN_KINDS: Readonly<
  Record<string, { readonly cluster: readonly string[]; readonly namespaced: readonly string[] }>
> = {
  "": {
    cluster: ["Namespace", "Node", "PersistentVolume", "ComponentStatus"],
    namespaced: [
      "Binding",
      "ConfigMap",
      "Endpoints",
      "Event",
      "LimitRange",
      "PersistentVolumeClaim",
      "Pod",
      "PodTemplate",
      "ReplicationController",
      "ResourceQuota",
      "Secret",
      "Service",
      "ServiceAccount",
    ],
  },
  "admissionregistration.k8s.io": {
    cluster: [
      "MutatingAdmissionPolicy",
      "MutatingAdmissionPolicyBinding",
      "MutatingWebhookConfiguration",
      "ValidatingAdmissionPolicy",
      "ValidatingAdmissionPolicyBinding",
      "ValidatingWebhookConfiguration",
    ],
    namespaced: [],
  },
  "apiextensions.k8s.io": { cluster: ["CustomResourceDefinition"], namespaced: [] },
  "apiregistration.k8s.io": { cluster: ["APIService"], namespaced: [] },
  apps: { cluster: [], namespaced: ["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"] },
  "authentication.k8s.io": { cluster: ["SelfSubjectReview", "TokenReview"], namespaced: [] },
  "authorization.k8s.io": {
    cluster: ["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"],
    namespaced: ["LocalSubjectAccessReview"],
  },
  autoscaling: { cluster: [], namespaced: ["HorizontalPodAutoscaler"] },
  batch: { cluster: [], namespaced: ["CronJob", "Job"] },
  "certificates.k8s.io": {
    cluster: ["CertificateSigningRequest", "ClusterTrustBundle"],
    namespaced: ["PodCertificateRequest"],
  },
  "coordination.k8s.io": { cluster: [], namespaced: ["Lease", "LeaseCandidate"] },
  "discovery.k8s.io": { cluster: [], namespaced: ["EndpointSlice"] },
  "events.k8s.io": { cluster: [], namespaced: ["Event"] },
  extensions: { cluster: [], namespaced: ["DaemonSet", "Deployment", "Ingress", "NetworkPolicy", "ReplicaSet"] },
  "flowcontrol.apiserver.k8s.io": { cluster: ["FlowSchema", "PriorityLevelConfiguration"], namespaced: [] },
  "internal.apiserver.k8s.io": { cluster: ["StorageVersion"], namespaced: [] },
  "networking.k8s.io": {
    cluster: ["IPAddress", "IngressClass", "ServiceCIDR"],
    namespaced: ["Ingress", "NetworkPolicy"],
  },
  "node.k8s.io": { cluster: ["RuntimeClass"], namespaced: [] },
  policy: { cluster: ["PodSecurityPolicy"], namespaced: ["Eviction", "PodDisruptionBudget"] },
  "rbac.authorization.k8s.io": { cluster: ["ClusterRole", "ClusterRoleBinding"], namespaced: ["Role", "RoleBinding"] },
  "resource.k8s.io": {
    cluster: ["DeviceClass", "DeviceTaintRule", "ResourcePoolStatusRequest", "ResourceSlice"],
    namespaced: ["ResourceClaim", "ResourceClaimTemplate"],
  },
  "scheduling.k8s.io": { cluster: ["PriorityClass"], namespaced: ["CompositePodGroup", "PodGroup", "Workload"] },
  "storage.k8s.io": {
    cluster: ["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"],
    namespaced: ["CSIStorageCapacity"],
  },
  "storagemigration.k8s.io": { cluster: ["StorageVersionMigration"], namespaced: [] },
};

const SCOPES: ReadonlyMap<string, boolean> = new Map(
  Object.entries(BUILT_IN_KINDS).flatMap(([group, { cluster, namespaced }]) => [
    ...cluster.map((kind) => [`${group}/${kind}`, true] as const),
    ...namespaced.map((kind) => [`${group}/${kind}`, false] as const),
  ]),
);

/** Undefined for kinds that Kubernetes itself does not serve: only the cluster knows. */
export function isClusterScoped(group: string, kind: string): boolean | undefined {
  return SCOPES.get(`${group}/${kind}`);
}

/**
 * What is odd about a kind in a group that is Kubernetes' own, where no definition can add any: it has none of that name that
 * we know of. Undefined for all other groups, and for what is there.
 */
export function unknownBuiltIn(group: string, kind: string): string | undefined {
  const kinds = Object.hasOwn(BUILT_IN_KINDS, group) ? BUILT_IN_KINDS[group] : undefined;
  if (kinds === undefined || SCOPES.has(`${group}/${kind}`)) return undefined;
  const names = [...kinds.cluster, ...kinds.namespaced];
  return `Kubernetes' own group ${group === "" ? "v1" : group} has no kind ${kind}${didYouMean(kind, names)}`;
}
