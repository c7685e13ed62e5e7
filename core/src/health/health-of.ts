import { groupOf, type KubeObject } from "../manifest/object.ts";
import { apiServiceHealth, crdHealth } from "./api-health.ts";
import { autoscalerHealth } from "./autoscaler-health.ts";
import { customResourceHealth } from "./custom-resource-health.ts";
import { cronJobHealth, jobHealth } from "./job-health.ts";
import { ingressHealth, serviceHealth } from "./network-health.ts";
import { podHealth } from "./pod-health.ts";
import { volumeClaimHealth } from "./storage-health.ts";
import { type HealthRule, type HealthVerdict, progressing } from "./verdict.ts";
import { daemonSetHealth, deploymentHealth, replicaSetHealth, statefulSetHealth } from "./workload-health.ts";

/** By `group/Kind`, whatever the version; a kind that is not here is judged by its conditions. */
const KIND_RULES: Readonly<Record<string, HealthRule>> = {
  "apps/Deployment": deploymentHealth,
  "apps/ReplicaSet": replicaSetHealth,
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
  "apiregistration.k8s.io/APIService": apiServiceHealth,
  "apiextensions.k8s.io/CustomResourceDefinition": crdHealth,
};

/**
 * The health of one live object, from what the object itself says. Undefined when it has none and so does not count
 * (a ConfigMap, a Role). `nowMs` decides only where the answer depends on how long something lasts.
 */
export function healthOf(object: KubeObject, nowMs: number): HealthVerdict | undefined {
  const deletedAt = object.metadata["deletionTimestamp"];
  if (typeof deletedAt === "string") return progressing(sayDeletion(object, deletedAt));
  const rule = KIND_RULES[`${groupOf(object.apiVersion)}/${object.kind}`] ?? customResourceHealth;
  return rule(object, nowMs);
}

function sayDeletion(object: KubeObject, since: string): string {
  const finalizers = object.metadata["finalizers"];
  const waits = Array.isArray(finalizers) && finalizers.length > 0 ? `, blocked by ${finalizers.join(", ")}` : "";
  return `being deleted since ${since}${waits}`;
}
