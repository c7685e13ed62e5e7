import { describe, expect, it } from "vitest";
import type { KubeObject } from "../manifest/object.ts";
import { condition, type HealthCase, object, type Part } from "./health-case.ts";
import { healthOf } from "./health-of.ts";

const NOW_MS = Date.parse("2026-01-01T00:10:00Z");

function pod(status: Part, spec: Part = {}): KubeObject {
  return object("v1", "Pod", { spec, status });
}

const waiting = (name: string, reason: string, message = ""): Part => ({
  name,
  ready: false,
  state: { waiting: { reason, message } },
});
const terminated = (exitCode: number, more: Part = {}): Part => ({ terminated: { exitCode, ...more } });

const pods: readonly HealthCase[] = [
  { says: "ready", object: pod({ phase: "Running", conditions: [condition("Ready", "True")] }), health: "Healthy" },
  { says: "completed", object: pod({ phase: "Succeeded" }), health: "Healthy" },
  { says: "pending", object: pod({ phase: "Pending" }), health: "Progressing" },
  { says: "without a phase", object: pod({}), health: "Progressing" },
  {
    says: "not ready yet",
    object: pod({ phase: "Running", containerStatuses: [{ name: "web", ready: false }] }),
    health: "Progressing",
    message: /not ready: container web/,
  },
  {
    says: "an image that cannot be pulled",
    object: pod({ phase: "Pending", containerStatuses: [waiting("web", "ImagePullBackOff", "no such tag")] }),
    health: "Degraded",
    message: /^container web: its image cannot be pulled \(back-off\): no such tag$/,
  },
  {
    says: "an init container's image that cannot be pulled",
    object: pod({ phase: "Pending", initContainerStatuses: [waiting("prepare", "ErrImagePull")] }),
    health: "Degraded",
    message: /container prepare: its image cannot be pulled/,
  },
  {
    says: "two containers stuck",
    object: pod({
      phase: "Pending",
      containerStatuses: [
        waiting("a", "CreateContainerConfigError", 'secret "s" not found'),
        waiting("b", "FancyError"),
      ],
    }),
    health: "Degraded",
    message: /container a: its configuration is incomplete: secret "s" not found; container b: FancyError/,
  },
  {
    says: "keeps crashing, with the last exit",
    object: pod({
      phase: "Running",
      containerStatuses: [
        { ...waiting("web", "CrashLoopBackOff"), lastState: terminated(1, { message: "no config" }) },
      ],
    }),
    health: "Degraded",
    message: /it keeps crashing \(back-off\); last time it ended with exit code 1: no config/,
  },
  {
    says: "an image name that is none",
    object: pod({ phase: "Pending", containerStatuses: [waiting("web", "InvalidImageName")] }),
    health: "Degraded",
  },
  {
    says: "being created",
    object: pod({ phase: "Pending", containerStatuses: [waiting("web", "ContainerCreating")] }),
    health: "Progressing",
  },
  {
    says: "restarted after a crash, not ready again",
    object: pod({
      phase: "Running",
      containerStatuses: [{ name: "web", ready: false, lastState: terminated(137, { reason: "OOMKilled" }) }],
    }),
    health: "Degraded",
    message: /out of memory/,
  },
  {
    says: "restarted after a crash, ready again",
    object: pod({
      phase: "Running",
      conditions: [condition("Ready", "True")],
      containerStatuses: [{ name: "web", ready: true, lastState: terminated(1) }],
    }),
    health: "Healthy",
  },
  {
    says: "failed, with the pod's own words",
    object: pod({ phase: "Failed", message: "evicted: disk pressure" }),
    health: "Degraded",
    message: /evicted/,
  },
  {
    says: "failed, by a container",
    object: pod({
      phase: "Failed",
      containerStatuses: [
        { name: "ok", state: terminated(0) },
        { name: "job", state: terminated(3) },
      ],
    }),
    health: "Degraded",
    message: /^container job: it ended with exit code 3$/,
  },
  { says: "failed and says nothing", object: pod({ phase: "Failed" }), health: "Degraded" },
  {
    says: "running to completion",
    object: pod({ phase: "Running", conditions: [condition("Ready", "True")] }, { restartPolicy: "Never" }),
    health: "Progressing",
  },
  {
    says: "running to completion with retries",
    object: pod({ phase: "Running" }, { restartPolicy: "OnFailure" }),
    health: "Progressing",
  },
  {
    says: "unschedulable for long",
    object: pod({
      phase: "Pending",
      conditions: [condition("PodScheduled", "False", { reason: "Unschedulable", message: "0/3 nodes" })],
    }),
    health: "Degraded",
    message: /cannot be scheduled: 0\/3 nodes/,
  },
  {
    says: "unschedulable for a moment",
    object: object(
      "v1",
      "Pod",
      { status: { phase: "Pending", conditions: [condition("PodScheduled", "False", { reason: "Unschedulable" })] } },
      { creationTimestamp: "2026-01-01T00:09:50Z" },
    ),
    health: "Progressing",
  },
];

const job = (status: Part, spec: Part = {}): KubeObject => object("batch/v1", "Job", { spec, status });
const cronJob = (parts: Part): KubeObject => object("batch/v1", "CronJob", parts);
const AT_1 = "2026-01-01T00:01:00Z";
const AT_2 = "2026-01-01T00:02:00Z";

const jobs: readonly HealthCase[] = [
  { says: "complete", object: job({ conditions: [condition("Complete", "True")] }), health: "Healthy" },
  {
    says: "failed",
    object: job({ conditions: [condition("Failed", "True", { message: "backoff limit reached" })] }),
    health: "Degraded",
    message: /backoff limit/,
  },
  {
    says: "running",
    object: job({ active: 1 }, { completions: 2 }),
    health: "Progressing",
    message: /0 of 2.*1 running/,
  },
  { says: "suspended", object: job({ conditions: [condition("Suspended", "True")] }), health: "Suspended" },
  { says: "suspended, not yet said", object: job({}, { suspend: true }), health: "Suspended" },
  { says: "resumed", object: job({ active: 1, conditions: [condition("Suspended", "False")] }), health: "Progressing" },
  { says: "cron: suspended", object: cronJob({ spec: { suspend: true } }), health: "Healthy" },
  { says: "cron: not seen", object: cronJob({ spec: {} }), health: "Progressing" },
  { says: "cron: never run", object: cronJob({ status: {} }), health: "Healthy" },
  { says: "cron: running", object: cronJob({ status: { lastScheduleTime: AT_1, active: [{}] } }), health: "Healthy" },
  { says: "cron: no success yet", object: cronJob({ status: { lastScheduleTime: AT_1 } }), health: "Healthy" },
  {
    says: "cron: last run failed",
    object: cronJob({ status: { lastScheduleTime: AT_2, lastSuccessfulTime: AT_1 } }),
    health: "Degraded",
  },
  {
    says: "cron: last run succeeded",
    object: cronJob({ status: { lastScheduleTime: AT_1, lastSuccessfulTime: AT_2 } }),
    health: "Healthy",
  },
];

const ADDRESS = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
const service = (type: string, status: Part): KubeObject => object("v1", "Service", { spec: { type }, status });
const ingress = (status: Part): KubeObject => object("networking.k8s.io/v1", "Ingress", { status });
const claim = (phase: string): KubeObject => object("v1", "PersistentVolumeClaim", { status: { phase } });
const autoscaler = (conditions: readonly Part[], metadata: Part = {}): KubeObject =>
  object("autoscaling/v2", "HorizontalPodAutoscaler", { status: { conditions } }, metadata);
const annotated = (text: string): KubeObject =>
  object(
    "autoscaling/v1",
    "HorizontalPodAutoscaler",
    {},
    { annotations: { "autoscaling.alpha.kubernetes.io/conditions": text } },
  );

const infrastructure: readonly HealthCase[] = [
  { says: "service inside the cluster", object: service("ClusterIP", {}), health: "Healthy" },
  { says: "load balancer without an address", object: service("LoadBalancer", {}), health: "Progressing" },
  {
    says: "load balancer with an empty list",
    object: service("LoadBalancer", { loadBalancer: { ingress: [] } }),
    health: "Progressing",
  },
  { says: "load balancer with an address", object: service("LoadBalancer", ADDRESS), health: "Healthy" },
  { says: "ingress without an address", object: ingress({ loadBalancer: {} }), health: "Progressing" },
  { says: "ingress with an address", object: ingress(ADDRESS), health: "Healthy" },
  { says: "claim bound", object: claim("Bound"), health: "Healthy" },
  { says: "claim pending", object: claim("Pending"), health: "Progressing" },
  { says: "claim lost", object: claim("Lost"), health: "Degraded" },
  { says: "autoscaler able to scale", object: autoscaler([condition("AbleToScale", "True")]), health: "Healthy" },
  { says: "autoscaler at a limit", object: autoscaler([condition("ScalingLimited", "True")]), health: "Healthy" },
  { says: "autoscaler not measured", object: autoscaler([]), health: "Progressing" },
  {
    says: "autoscaler without its target",
    object: autoscaler([
      condition("AbleToScale", "False", { reason: "FailedGetScale", message: "no such deployment" }),
    ]),
    health: "Degraded",
    message: /no such deployment/,
  },
  {
    says: "autoscaler without metrics",
    object: autoscaler([
      condition("AbleToScale", "True"),
      condition("ScalingActive", "False", { reason: "FailedGetResourceMetric" }),
    ]),
    health: "Degraded",
  },
  {
    says: "autoscaler switched off by zero replicas",
    object: autoscaler([
      condition("AbleToScale", "True"),
      condition("ScalingActive", "False", { reason: "ScalingDisabled" }),
    ]),
    health: "Healthy",
  },
  {
    says: "autoscaler v1 by its annotation",
    object: annotated(JSON.stringify([condition("AbleToScale", "True")])),
    health: "Healthy",
  },
  { says: "autoscaler v1 with a broken annotation", object: annotated("{"), health: "Progressing" },
];

const apiService = (conditions: readonly Part[]): KubeObject =>
  object("apiregistration.k8s.io/v1", "APIService", { status: { conditions } });
const crd = (conditions: readonly Part[]): KubeObject =>
  object("apiextensions.k8s.io/v1", "CustomResourceDefinition", { status: { conditions } });
const NAMED = condition("NamesAccepted", "True");

const apis: readonly HealthCase[] = [
  { says: "API available", object: apiService([condition("Available", "True")]), health: "Healthy" },
  { says: "API unavailable", object: apiService([condition("Available", "False")]), health: "Progressing" },
  { says: "API not checked", object: apiService([]), health: "Progressing" },
  { says: "CRD established", object: crd([NAMED, condition("Established", "True")]), health: "Healthy" },
  { says: "CRD new", object: crd([]), health: "Progressing" },
  {
    says: "CRD installing",
    object: crd([NAMED, condition("Established", "False", { reason: "Installing" })]),
    health: "Progressing",
  },
  {
    says: "CRD refused",
    object: crd([NAMED, condition("Established", "False", { reason: "NotAccepted" })]),
    health: "Degraded",
  },
  { says: "CRD with taken names", object: crd([condition("NamesAccepted", "False")]), health: "Degraded" },
  {
    says: "CRD with a schema that is none",
    object: crd([NAMED, condition("Established", "True"), condition("NonStructuralSchema", "True")]),
    health: "Degraded",
  },
  { says: "CRD terminating", object: crd([NAMED, condition("Terminating", "True")]), health: "Progressing" },
];

const custom = (status: Part | undefined, metadata: Part = {}): KubeObject =>
  object("example.com/v1", "Widget", status === undefined ? {} : { status }, metadata);

const customResources: readonly HealthCase[] = [
  { says: "no status", object: custom(undefined), health: undefined },
  { says: "a status that says nothing", object: custom({ color: "red" }), health: undefined },
  { says: "only the generation seen", object: custom({ observedGeneration: 2 }), health: "Healthy" },
  {
    says: "an older generation seen",
    object: custom({ observedGeneration: 1, conditions: [condition("Ready", "True")] }),
    health: "Progressing",
  },
  { says: "ready", object: custom({ conditions: [condition("Ready", "True")] }), health: "Healthy" },
  {
    says: "not ready",
    object: custom({ conditions: [condition("Ready", "False", { message: "waits for DNS" })] }),
    health: "Progressing",
    message: /waits for DNS/,
  },
  {
    says: "not known to be ready",
    object: custom({ conditions: [condition("Ready", "Unknown")] }),
    health: "Progressing",
  },
  {
    says: "ready, and reconciling something newer",
    object: custom({ conditions: [condition("Ready", "True"), condition("Reconciling", "True")] }),
    health: "Progressing",
  },
  {
    says: "stalled",
    object: custom({ conditions: [condition("Ready", "False"), condition("Stalled", "True", { reason: "BadSpec" })] }),
    health: "Degraded",
    message: /BadSpec/,
  },
  {
    says: "reconciling no more",
    object: custom({
      conditions: [condition("Reconciling", "False"), condition("Stalled", "False"), condition("Ready", "True")],
    }),
    health: "Healthy",
  },
  {
    says: "ready for an older spec",
    object: custom({ conditions: [condition("Ready", "True", { observedGeneration: 1 })] }),
    health: "Progressing",
  },
  {
    says: "a disruption budget computed",
    object: object("policy/v1", "PodDisruptionBudget", { status: { observedGeneration: 2 } }),
    health: "Healthy",
  },
  {
    says: "a disruption budget not computed",
    object: object("policy/v1", "PodDisruptionBudget", { status: { observedGeneration: 1 } }),
    health: "Progressing",
  },
];

const anyKind: readonly HealthCase[] = [
  { says: "a ConfigMap", object: object("v1", "ConfigMap", { data: { a: "b" } }), health: undefined },
  { says: "a Secret", object: object("v1", "Secret", {}), health: undefined },
  { says: "a Role", object: object("rbac.authorization.k8s.io/v1", "Role", { rules: [] }), health: undefined },
  { says: "a Namespace", object: object("v1", "Namespace", { status: { phase: "Active" } }), health: undefined },
  { says: "a Deployment of another group", object: object("example.com/v1", "Deployment", {}), health: undefined },
  { says: "conditions that are no list", object: custom({ conditions: "none" }), health: undefined },
  {
    says: "a status that is no object",
    object: object("apps/v1", "Deployment", { status: "fine" }),
    health: "Progressing",
  },
  {
    says: "anything being deleted",
    object: object("v1", "ConfigMap", {}, { deletionTimestamp: AT_1, finalizers: ["example.com/hold"] }),
    health: "Progressing",
    message: /Pending deletion since .*, blocked by example.com\/hold/,
  },
];

describe.each([
  ["Pod", pods],
  ["Job and CronJob", jobs],
  ["networks, storage, autoscaling", infrastructure],
  ["APIService and CustomResourceDefinition", apis],
  ["custom resources", customResources],
  ["any kind", anyKind],
])("health of %s", (_, cases) => {
  it.each(cases)("$says: $health", ({ object: given, health, message }) => {
    const verdict = healthOf(given, NOW_MS);
    expect(verdict?.health).toBe(health);
    if (message !== undefined) expect(verdict?.message).toMatch(message);
    if (verdict !== undefined && verdict.health !== "Healthy") expect(verdict.message).not.toBe("");
  });
});
