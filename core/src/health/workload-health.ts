import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, isTrue, sayCondition } from "./conditions.ts";
import { isBehind, numberAt, textAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, NOT_SEEN, progressing, suspended } from "./verdict.ts";

export function deploymentHealth(object: KubeObject): HealthVerdict {
  if (valueAt(object, "spec.paused") === true) return suspended("the rollout is paused");
  if (isBehind(object, { strict: true })) return progressing(NOT_SEEN);
  const conditions = conditionsOf(object);
  const rollout = findCondition(conditions, "Progressing");
  if (rollout?.reason === "ProgressDeadlineExceeded") return degraded(sayCondition(rollout));

  const wanted = wantedReplicas(object);
  const { replicas, updated, ready, available } = replicaCounts(object);
  const refused = findCondition(conditions, "ReplicaFailure");
  const why = refused?.status === "True" ? ` (${sayCondition(refused)})` : "";
  if (replicas < wanted) return progressing(`${replicas} of ${wanted} pods exist${why}`);
  if (updated < wanted) return progressing(`${updated} of ${wanted} pods are updated${why}`);
  if (replicas > updated) return progressing(`${replicas - updated} old pods have yet to go`);
  if (replicas > wanted) return progressing(`${replicas - wanted} surplus pods have yet to go`);
  if (available < updated) return progressing(`${available} of ${updated} updated pods are available`);
  if (ready < wanted) return progressing(`${ready} of ${wanted} pods are ready`);
  const hasDeadline = numberAt(object, "spec.progressDeadlineSeconds") !== undefined;
  if (hasDeadline && !(rollout?.status === "True" && rollout.reason === "NewReplicaSetAvailable")) {
    return progressing("the rollout is not complete");
  }
  return isTrue(conditions, "Available") ? healthy() : progressing("fewer pods are available than required");
}

export function replicaSetHealth(object: KubeObject): HealthVerdict {
  if (isBehind(object, { strict: true })) return progressing(NOT_SEEN);
  const failure = findCondition(conditionsOf(object), "ReplicaFailure");
  if (failure?.status === "True") return degraded(sayCondition(failure));
  const wanted = wantedReplicas(object);
  const { replicas, ready, available } = replicaCounts(object);
  const labelled = numberAt(object, "status.fullyLabeledReplicas") ?? replicas;
  if (labelled < wanted) return progressing(`${labelled} of ${wanted} pods exist`);
  if (available < wanted) return progressing(`${available} of ${wanted} pods are available`);
  if (ready < wanted) return progressing(`${ready} of ${wanted} pods are ready`);
  if (replicas > wanted) return progressing(`${replicas - wanted} surplus pods have yet to go`);
  return healthy();
}

export function statefulSetHealth(object: KubeObject): HealthVerdict {
  if (isBehind(object, { strict: true })) return progressing(NOT_SEEN);
  const wanted = wantedReplicas(object);
  const { replicas, updated, ready } = replicaCounts(object);
  if (replicas < wanted) return progressing(`${replicas} of ${wanted} pods exist`);
  if (ready < wanted) return progressing(`${ready} of ${wanted} pods are ready`);
  if (replicas > wanted) return progressing(`${replicas - wanted} surplus pods have yet to go`);
  if (textAt(object, "spec.updateStrategy.type") === "OnDelete")
    return healthy("pods are updated when they are deleted");

  const partition = numberAt(object, "spec.updateStrategy.rollingUpdate.partition");
  if (partition !== undefined && partition > 0) {
    const toUpdate = Math.max(0, wanted - partition);
    if (updated < toUpdate) return progressing(`${updated} of ${toUpdate} pods of the partition are updated`);
    return healthy(`the partition is updated: ${updated} of ${wanted} pods`);
  }
  const current = textAt(object, "status.currentRevision");
  const update = textAt(object, "status.updateRevision");
  // With a partition of 0 the count alone tells: the revisions are made equal a moment later, or never, when nobody watches.
  if (partition === 0 && updated >= wanted) return healthy();
  if (current !== update) return progressing(`${updated} of ${wanted} pods are updated`);
  const onCurrent = numberAt(object, "status.currentReplicas") ?? wanted;
  return onCurrent < wanted ? progressing(`${onCurrent} of ${wanted} pods are on the current revision`) : healthy();
}

export function daemonSetHealth(object: KubeObject): HealthVerdict {
  if (isBehind(object, { strict: true })) return progressing(NOT_SEEN);
  if (textAt(object, "spec.updateStrategy.type") === "OnDelete")
    return healthy("pods are updated when they are deleted");
  const wanted = numberAt(object, "status.desiredNumberScheduled");
  if (wanted === undefined) return progressing("its controller has not counted the nodes yet");
  const current = numberAt(object, "status.currentNumberScheduled") ?? 0;
  const updated = numberAt(object, "status.updatedNumberScheduled") ?? 0;
  const available = numberAt(object, "status.numberAvailable") ?? 0;
  const ready = numberAt(object, "status.numberReady") ?? 0;
  if (current < wanted) return progressing(`${current} of ${wanted} nodes have their pod`);
  if (updated < wanted) return progressing(`${updated} of ${wanted} pods are updated`);
  if (available < wanted) return progressing(`${available} of ${wanted} pods are available`);
  if (ready < wanted) return progressing(`${ready} of ${wanted} pods are ready`);
  return healthy();
}

/** What it allows at the moment is its business: it is well once its controller has counted. */
export function disruptionBudgetHealth(object: KubeObject): HealthVerdict {
  return isBehind(object, { strict: true }) ? progressing(NOT_SEEN) : healthy();
}

function wantedReplicas(object: KubeObject): number {
  return numberAt(object, "spec.replicas") ?? 1;
}

function replicaCounts(object: KubeObject): { replicas: number; updated: number; ready: number; available: number } {
  return {
    replicas: numberAt(object, "status.replicas") ?? 0,
    updated: numberAt(object, "status.updatedReplicas") ?? 0,
    ready: numberAt(object, "status.readyReplicas") ?? 0,
    available: numberAt(object, "status.availableReplicas") ?? 0,
  };
}
