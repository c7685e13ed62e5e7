import { refOf } from "./object.ts";
import type { KubeObject, ObjectRef } from "./object.ts";

/** Stages of an apply, in order; each waits for the one before. Deletion goes the reverse way. */
export const STAGES = ["prerequisites", "classes", "objects", "webhooks"] as const;
export type Stage = (typeof STAGES)[number];

/**
 * Kinds whose place matters, in the order they are applied; kinds that are not listed stand where `"*"` does. A name
 * without a group means any group, so that a class of any operator is recognised.
 */
const KIND_ORDER: readonly (readonly [stage: Stage, kinds: readonly string[]])[] = [
  [
    "prerequisites",
    ["Namespace", "CustomResourceDefinition.apiextensions.k8s.io", "ClusterRole.rbac.authorization.k8s.io"],
  ],
  [
    "classes",
    ["RuntimeClass", "PriorityClass", "StorageClass", "VolumeSnapshotClass", "IngressClass", "GatewayClass", "*Class"],
  ],
  [
    "objects",
    [
      "ClusterRoleBinding.rbac.authorization.k8s.io",
      "ResourceQuota",
      "LimitRange",
      "ServiceAccount",
      "Role.rbac.authorization.k8s.io",
      "RoleBinding.rbac.authorization.k8s.io",
      "PersistentVolume",
      "PersistentVolumeClaim",
      "ConfigMap",
      "Secret",
      "Service",
      "DaemonSet.apps",
      "Deployment.apps",
      "StatefulSet.apps",
      "CronJob.batch",
      "PodDisruptionBudget.policy",
      "*",
      "APIService.apiregistration.k8s.io",
    ],
  ],
  [
    "webhooks",
    [
      "ValidatingAdmissionPolicy.admissionregistration.k8s.io",
      "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
      "MutatingAdmissionPolicy.admissionregistration.k8s.io",
      "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io",
      "MutatingWebhookConfiguration.admissionregistration.k8s.io",
      "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
    ],
  ],
];

/** Core kinds of the table that other groups also use as names of something else. */
const CORE_ONLY: ReadonlySet<string> = new Set(["Namespace", "Service", "Secret", "ConfigMap", "ServiceAccount"]);

interface Rank {
  readonly stage: Stage;
  readonly rank: number;
}

const RANKS: ReadonlyMap<string, Rank> = new Map(
  KIND_ORDER.flatMap(([stage, kinds], stageIndex) =>
    kinds.map((kind, index) => [kind, { stage, rank: stageIndex * 100 + index }] as const),
  ),
);
const OTHER_CLASS = RANKS.get("*Class") as Rank;
const OTHER = RANKS.get("*") as Rank;

function rankOf(ref: ObjectRef): Rank {
  const listed = RANKS.get(ref.group === "" ? ref.kind : `${ref.kind}.${ref.group}`);
  if (listed !== undefined) return listed;
  const anyGroup = CORE_ONLY.has(ref.kind) ? undefined : RANKS.get(ref.kind);
  if (anyGroup !== undefined) return anyGroup;
  return /[a-z]Class$/.test(ref.kind) ? OTHER_CLASS : OTHER;
}

function asRef(object: KubeObject | ObjectRef): ObjectRef {
  return "metadata" in object ? refOf(object as KubeObject) : (object as ObjectRef);
}

export function stageOf(object: KubeObject | ObjectRef): Stage {
  return rankOf(asRef(object)).stage;
}

/** Sorts for applying: stage, kind, namespace, name. Reversed, it is the order of deletion. */
export function compareForApply(a: KubeObject | ObjectRef, b: KubeObject | ObjectRef): number {
  const left = asRef(a);
  const right = asRef(b);
  return (
    rankOf(left).rank - rankOf(right).rank ||
    compareText(left.kind, right.kind) ||
    compareText(left.group, right.group) ||
    compareText(left.namespace, right.namespace) ||
    compareText(left.name, right.name)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
