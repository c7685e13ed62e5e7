import { groupOf, type KubeObject } from "../manifest/object.ts";
import { apiServiceHealth, crdHealth } from "./api-health.ts";
import { autoscalerHealth } from "./autoscaler-health.ts";
import { customResourceHealth } from "./custom-resource-health.ts";
import { elasticsearchHealth, postgresClusterHealth } from "./database-health.ts";
import { gatewayHealth, policyHealth, routeHealth } from "./gateway-health.ts";
import { cronJobHealth, jobHealth } from "./job-health.ts";
import { CLOUD_KINDS } from "./kinds/cloud-kinds.ts";
import { DATA_KINDS } from "./kinds/data-kinds.ts";
import { DELIVERY_KINDS } from "./kinds/delivery-kinds.ts";
import { KUBERNETES_KINDS } from "./kinds/kubernetes-kinds.ts";
import { PLATFORM_KINDS } from "./kinds/platform-kinds.ts";
import { SECURITY_KINDS } from "./kinds/security-kinds.ts";
import { virtualMachineHealth } from "./machine-health.ts";
import { meshConfigHealth } from "./mesh-health.ts";
import { ingressHealth, serviceHealth } from "./network-health.ts";
import { podHealth } from "./pod-health.ts";
import { rolloutHealth } from "./rollout-health.ts";
import { judgeByStatus } from "./status-rule.ts";
import { cephClusterHealth, replicatedVolumeHealth, snapshotHealth, volumeClaimHealth } from "./storage-health.ts";
import type { HealthRule } from "./verdict.ts";
import {
  daemonSetHealth,
  deploymentHealth,
  disruptionBudgetHealth,
  replicaSetHealth,
  statefulSetHealth,
} from "./workload-health.ts";

/** Kinds whose rule takes code. By `group/Kind`, whatever the version; patterns as in {@link StatusRule.kinds}. */
const CODED: Readonly<Record<string, HealthRule>> = {
  "apps/Deployment": deploymentHealth,
  "apps/ReplicaSet": replicaSetHealth,
  "/ReplicationController": replicaSetHealth,
  "apps/StatefulSet": statefulSetHealth,
  "apps/DaemonSet": daemonSetHealth,
  "/Pod": podHealth,
  "batch/Job": jobHealth,
  "batch/CronJob": cronJobHealth,
  "/Service": serviceHealth,
  "networking.k8s.io/Ingress": ingressHealth,
  "extensions/Ingress": ingressHealth,
  "/PersistentVolumeClaim": volumeClaimHealth,
  "autoscaling/HorizontalPodAutoscaler": autoscalerHealth,
  "policy/PodDisruptionBudget": disruptionBudgetHealth,
  "apiregistration.k8s.io/APIService": apiServiceHealth,
  "apiextensions.k8s.io/CustomResourceDefinition": crdHealth,
  "snapshot.storage.k8s.io/VolumeSnapshot": snapshotHealth,
  "snapshot.storage.k8s.io/VolumeSnapshotContent": snapshotHealth,
  "groupsnapshot.storage.k8s.io/VolumeGroupSnapshot": snapshotHealth,
  "gateway.networking.k8s.io/Gateway": gatewayHealth,
  "gateway.networking.k8s.io/HTTPRoute": routeHealth,
  "gateway.networking.k8s.io/GRPCRoute": routeHealth,
  "gateway.networking.k8s.io/TLSRoute": routeHealth,
  "gateway.networking.k8s.io/TCPRoute": routeHealth,
  "gateway.networking.k8s.io/UDPRoute": routeHealth,
  "gateway.networking.k8s.io/BackendTLSPolicy": policyHealth,
  "argoproj.io/Rollout": rolloutHealth,
  "elasticsearch.k8s.elastic.co/Elasticsearch": elasticsearchHealth,
  "postgresql.cnpg.io/Cluster": postgresClusterHealth,
  "longhorn.io/Volume": replicatedVolumeHealth,
  "ceph.rook.io/CephCluster": cephClusterHealth,
  "kubevirt.io/VirtualMachine": virtualMachineHealth,
  "kubevirt.io/VirtualMachineInstance": virtualMachineHealth,
  "networking.istio.io/*": meshConfigHealth,
  "security.istio.io/*": meshConfigHealth,
  "telemetry.istio.io/*": meshConfigHealth,
};

const RULES: ReadonlyMap<string, HealthRule> = new Map([
  ...Object.entries(CODED),
  ...[
    ...KUBERNETES_KINDS,
    ...DELIVERY_KINDS,
    ...SECURITY_KINDS,
    ...CLOUD_KINDS,
    ...DATA_KINDS,
    ...PLATFORM_KINDS,
  ].flatMap((rule) => {
    const judge = judgeByStatus(rule, customResourceHealth);
    return rule.kinds.map((kind): [string, HealthRule] => [kind, judge]);
  }),
]);

/** Every kind and pattern with a rule of its own, for the page that documents them. */
export const KINDS_WITH_RULES: readonly string[] = [...RULES.keys()];

/** The rule for an object: of its kind, of all kinds of its group, of the groups above, else that of any custom resource. */
export function ruleFor(object: KubeObject): HealthRule {
  const group = groupOf(object.apiVersion);
  const own = RULES.get(`${group}/${object.kind}`) ?? RULES.get(`${group}/*`);
  if (own !== undefined) return own;
  for (let dot = group.indexOf("."); dot >= 0; dot = group.indexOf(".", dot + 1)) {
    const above = RULES.get(`*${group.slice(dot)}/*`);
    if (above !== undefined) return above;
  }
  return customResourceHealth;
}
