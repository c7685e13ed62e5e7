import { describe, expect, it } from "vitest";
import type { KubeObject } from "../manifest/object.ts";
import { condition, type HealthCase, object, type Part } from "./health-case.ts";
import { healthOf } from "./health-of.ts";

const NOW_MS = Date.parse("2026-01-01T00:10:00Z");

const AVAILABLE = [
  condition("Available", "True"),
  condition("Progressing", "True", { reason: "NewReplicaSetAvailable" }),
];
const ROLLED_OUT = {
  observedGeneration: 2,
  replicas: 3,
  updatedReplicas: 3,
  readyReplicas: 3,
  availableReplicas: 3,
  conditions: AVAILABLE,
};

function deployment(status: Part, spec: Part = {}): KubeObject {
  return object("apps/v1", "Deployment", { spec: { replicas: 3, progressDeadlineSeconds: 600, ...spec }, status });
}

const deployments: readonly HealthCase[] = [
  { says: "rolled out", object: deployment(ROLLED_OUT), health: "Healthy" },
  { says: "paused, whatever else", object: deployment({}, { paused: true }), health: "Suspended" },
  { says: "never seen", object: deployment({}), health: "Progressing", message: /has not seen/ },
  {
    says: "an older spec seen",
    object: deployment({ ...ROLLED_OUT, observedGeneration: 1 }),
    health: "Progressing",
    message: /has not seen/,
  },
  {
    says: "past its deadline",
    object: deployment({
      ...ROLLED_OUT,
      updatedReplicas: 1,
      conditions: [condition("Progressing", "False", { reason: "ProgressDeadlineExceeded", message: "timed out" })],
    }),
    health: "Degraded",
    message: /timed out/,
  },
  {
    says: "pods refused by a quota",
    object: deployment({
      ...ROLLED_OUT,
      replicas: 1,
      conditions: [condition("ReplicaFailure", "True", { message: "exceeded quota" })],
    }),
    health: "Progressing",
    message: /1 of 3 pods exist \(exceeded quota\)/,
  },
  { says: "pods yet to update", object: deployment({ ...ROLLED_OUT, updatedReplicas: 2 }), health: "Progressing" },
  {
    says: "old pods yet to go",
    object: deployment({ ...ROLLED_OUT, replicas: 4 }),
    health: "Progressing",
    message: /1 old pods/,
  },
  { says: "pods not available", object: deployment({ ...ROLLED_OUT, availableReplicas: 2 }), health: "Progressing" },
  { says: "pods not ready", object: deployment({ ...ROLLED_OUT, readyReplicas: 2 }), health: "Progressing" },
  {
    says: "no rollout condition yet",
    object: deployment({ ...ROLLED_OUT, conditions: [condition("Available", "True")] }),
    health: "Progressing",
  },
  {
    says: "without a deadline no rollout condition is asked for",
    object: object("apps/v1", "Deployment", {
      spec: { replicas: 3 },
      status: { ...ROLLED_OUT, conditions: [condition("Available", "True")] },
    }),
    health: "Healthy",
  },
  {
    says: "not Available",
    object: deployment({
      ...ROLLED_OUT,
      conditions: [
        condition("Available", "False"),
        condition("Progressing", "True", { reason: "NewReplicaSetAvailable" }),
      ],
    }),
    health: "Progressing",
  },
  {
    says: "scaled to nothing",
    object: deployment({ observedGeneration: 2, conditions: AVAILABLE }, { replicas: 0 }),
    health: "Healthy",
  },
  {
    says: "one replica when none is asked for",
    object: object("apps/v1", "Deployment", { spec: {}, status: { ...ROLLED_OUT, replicas: 0, updatedReplicas: 0 } }),
    health: "Progressing",
    message: /0 of 1/,
  },
];

function replicaSet(status: Part): KubeObject {
  return object("apps/v1", "ReplicaSet", { spec: { replicas: 2 }, status: { observedGeneration: 2, ...status } });
}

const replicaSets: readonly HealthCase[] = [
  {
    says: "complete",
    object: replicaSet({ replicas: 2, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 2 }),
    health: "Healthy",
  },
  {
    says: "pods cannot be created",
    object: replicaSet({ replicas: 0, conditions: [condition("ReplicaFailure", "True", { message: "forbidden" })] }),
    health: "Degraded",
    message: /forbidden/,
  },
  { says: "pods missing", object: replicaSet({ replicas: 1 }), health: "Progressing" },
  {
    says: "pods without its labels",
    object: replicaSet({ replicas: 2, fullyLabeledReplicas: 1, readyReplicas: 2, availableReplicas: 2 }),
    health: "Progressing",
  },
  { says: "not available", object: replicaSet({ replicas: 2, readyReplicas: 2 }), health: "Progressing" },
  { says: "not ready", object: replicaSet({ replicas: 2, availableReplicas: 2 }), health: "Progressing" },
  {
    says: "surplus pods",
    object: replicaSet({ replicas: 3, readyReplicas: 2, availableReplicas: 2 }),
    health: "Progressing",
  },
];

function statefulSet(status: Part, spec: Part = {}): KubeObject {
  return object("apps/v1", "StatefulSet", {
    spec: { replicas: 3, updateStrategy: { type: "RollingUpdate" }, ...spec },
    status: { observedGeneration: 2, replicas: 3, readyReplicas: 3, ...status },
  });
}

const partition = (n: number): Part => ({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: n } } });
const SAME = { currentRevision: "a", updateRevision: "a", currentReplicas: 3, updatedReplicas: 3 };
const DIFFERENT = { currentRevision: "a", updateRevision: "b", currentReplicas: 2, updatedReplicas: 1 };

const statefulSets: readonly HealthCase[] = [
  { says: "rolled out", object: statefulSet(SAME), health: "Healthy" },
  { says: "never seen", object: statefulSet({ observedGeneration: undefined }), health: "Progressing" },
  { says: "pods missing", object: statefulSet({ ...SAME, replicas: 2 }), health: "Progressing" },
  { says: "pods not ready", object: statefulSet({ ...SAME, readyReplicas: 1 }), health: "Progressing" },
  { says: "surplus pods", object: statefulSet({ ...SAME, replicas: 4 }), health: "Progressing" },
  { says: "revisions differ", object: statefulSet(DIFFERENT), health: "Progressing", message: /1 of 3/ },
  {
    says: "revisions may differ when pods are updated on deletion",
    object: statefulSet(DIFFERENT, { updateStrategy: { type: "OnDelete" } }),
    health: "Healthy",
  },
  { says: "partition updated", object: statefulSet(DIFFERENT, partition(2)), health: "Healthy", message: /partition/ },
  { says: "partition not updated", object: statefulSet(DIFFERENT, partition(1)), health: "Progressing" },
  {
    says: "a partition above the replicas",
    object: statefulSet({ ...DIFFERENT, updatedReplicas: 0 }, partition(9)),
    health: "Healthy",
  },
  { says: "partition 0 is no partition", object: statefulSet(DIFFERENT, partition(0)), health: "Progressing" },
  {
    says: "pods not yet on the current revision",
    object: statefulSet({ ...SAME, currentReplicas: 1 }),
    health: "Progressing",
  },
];

function daemonSet(status: Part, spec: Part = {}): KubeObject {
  return object("apps/v1", "DaemonSet", { spec, status: { observedGeneration: 2, ...status } });
}

const ON_ALL_NODES = {
  desiredNumberScheduled: 2,
  currentNumberScheduled: 2,
  updatedNumberScheduled: 2,
  numberAvailable: 2,
  numberReady: 2,
};

const daemonSets: readonly HealthCase[] = [
  { says: "on every node", object: daemonSet(ON_ALL_NODES), health: "Healthy" },
  { says: "no node wants it", object: daemonSet({ desiredNumberScheduled: 0 }), health: "Healthy" },
  { says: "nodes not counted", object: daemonSet({}), health: "Progressing" },
  { says: "never seen", object: daemonSet({ ...ON_ALL_NODES, observedGeneration: undefined }), health: "Progressing" },
  {
    says: "a node without its pod",
    object: daemonSet({ ...ON_ALL_NODES, currentNumberScheduled: 1 }),
    health: "Progressing",
  },
  { says: "not updated", object: daemonSet({ ...ON_ALL_NODES, updatedNumberScheduled: 1 }), health: "Progressing" },
  { says: "not available", object: daemonSet({ ...ON_ALL_NODES, numberAvailable: 1 }), health: "Progressing" },
  { says: "not ready", object: daemonSet({ ...ON_ALL_NODES, numberReady: 1 }), health: "Progressing" },
  {
    says: "updated on deletion",
    object: daemonSet({ ...ON_ALL_NODES, updatedNumberScheduled: 0 }, { updateStrategy: { type: "OnDelete" } }),
    health: "Healthy",
  },
];

const deleted: readonly HealthCase[] = [
  {
    says: "a healthy workload being deleted",
    object: { ...deployment(ROLLED_OUT), metadata: { name: "x", deletionTimestamp: "2026-01-01T00:01:00Z" } },
    health: "Progressing",
  },
];

describe.each([
  ["Deployment", deployments],
  ["ReplicaSet", replicaSets],
  ["StatefulSet", statefulSets],
  ["DaemonSet", daemonSets],
  ["a workload being deleted", deleted],
])("health of %s", (_, cases) => {
  it.each(cases)("$says: $health", ({ object: given, health, message }) => {
    const verdict = healthOf(given, NOW_MS);
    expect(verdict?.health).toBe(health);
    if (message !== undefined) expect(verdict?.message).toMatch(message);
    if (verdict !== undefined && verdict.health !== "Healthy") expect(verdict.message).not.toBe("");
  });
});
