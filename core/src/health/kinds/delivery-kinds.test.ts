import { condition, type HealthCase, object, type Part } from "../health-case.ts";
import { runHealthCases } from "../run-health-cases.test-support.ts";

const application = (health: Part | undefined): HealthCase["object"] =>
  object(
    "argoproj.io/v1alpha1",
    "Application",
    health === undefined ? {} : { status: { health, sync: { status: "Synced" } } },
  );
const rollout = (status: Part, spec: Part = {}): HealthCase["object"] =>
  object("argoproj.io/v1alpha1", "Rollout", { spec, status: { observedGeneration: "2", ...status } });
const set = (...conditions: readonly Part[]): HealthCase["object"] =>
  object("argoproj.io/v1alpha1", "ApplicationSet", { status: { conditions } });
const run = (apiVersion: string, kind: string, status: Part): HealthCase["object"] =>
  object(apiVersion, kind, { status });
const flux = (parts: Part): HealthCase["object"] =>
  object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", { spec: { prune: true }, ...parts });
const fluxSays = (...conditions: readonly Part[]): HealthCase["object"] =>
  flux({ status: { observedGeneration: 2, conditions } });

runHealthCases([
  [
    "Argo CD",
    [
      { says: "new", object: application(undefined), health: "Progressing" },
      { says: "healthy", object: application({ status: "Healthy" }), health: "Healthy" },
      {
        says: "degraded, in its own words",
        object: application({ status: "Degraded", message: "a pod crashes" }),
        health: "Degraded",
        message: /a pod crashes/,
      },
      { says: "suspended", object: application({ status: "Suspended" }), health: "Suspended" },
      { says: "missing", object: application({ status: "Missing" }), health: "Missing" },
      { says: "unknown", object: application({ status: "Unknown" }), health: "Unknown" },
      { says: "progressing", object: application({ status: "Progressing" }), health: "Progressing" },
      {
        says: "set with an error",
        object: set(
          condition("ErrorOccurred", "True", { message: "no such repository" }),
          condition("ResourcesUpToDate", "True"),
        ),
        health: "Degraded",
      },
      {
        says: "set rolling out",
        object: set(
          condition("ErrorOccurred", "False"),
          condition("RolloutProgressing", "True"),
          condition("ResourcesUpToDate", "True"),
        ),
        health: "Progressing",
      },
      {
        says: "set up to date",
        object: set(condition("ErrorOccurred", "False"), condition("ResourcesUpToDate", "True")),
        health: "Healthy",
      },
      { says: "set out of date", object: set(condition("ResourcesUpToDate", "False")), health: "Degraded" },
    ],
  ],
  [
    "Argo Rollouts and Workflows",
    [
      { says: "never seen", object: object("argoproj.io/v1alpha1", "Rollout", { spec: {} }), health: "Progressing" },
      {
        says: "an older spec seen",
        object: rollout({ observedGeneration: "1", phase: "Healthy" }),
        health: "Progressing",
      },
      { says: "healthy", object: rollout({ phase: "Healthy" }), health: "Healthy" },
      {
        says: "at a step",
        object: rollout({ phase: "Progressing", message: "more replicas need to be updated" }),
        health: "Progressing",
        message: /more replicas/,
      },
      {
        says: "paused at a step",
        object: rollout({
          phase: "Paused",
          message: "CanaryPauseStep",
          pauseConditions: [{ reason: "CanaryPauseStep" }],
        }),
        health: "Suspended",
      },
      { says: "paused by a person", object: rollout({ phase: "Paused" }, { paused: true }), health: "Suspended" },
      {
        says: "aborted",
        object: rollout({
          phase: "Degraded",
          conditions: [condition("Progressing", "False", { reason: "RolloutAborted", message: "analysis failed" })],
        }),
        health: "Degraded",
        message: /analysis failed/,
      },
      {
        says: "past its deadline",
        object: rollout({
          phase: "Progressing",
          conditions: [condition("Progressing", "False", { reason: "ProgressDeadlineExceeded" })],
        }),
        health: "Degraded",
      },
      {
        says: "invalid",
        object: rollout({ conditions: [condition("InvalidSpec", "True", { message: "no selector" })] }),
        health: "Degraded",
      },
      {
        says: "workflow ended",
        object: run("argoproj.io/v1alpha1", "Workflow", { phase: "Succeeded" }),
        health: "Healthy",
      },
      {
        says: "workflow failed",
        object: run("argoproj.io/v1alpha1", "Workflow", { phase: "Error", message: "step 2" }),
        health: "Degraded",
        message: /Error: step 2/,
      },
      {
        says: "workflow running",
        object: run("argoproj.io/v1alpha1", "Workflow", { phase: "Running" }),
        health: "Progressing",
      },
      {
        says: "analysis that tells nothing",
        object: run("argoproj.io/v1alpha1", "AnalysisRun", { phase: "Inconclusive" }),
        health: "Degraded",
      },
      {
        says: "pipeline running",
        object: run("tekton.dev/v1", "PipelineRun", {
          conditions: [condition("Succeeded", "Unknown", { reason: "Running" })],
        }),
        health: "Progressing",
      },
      {
        says: "pipeline failed",
        object: run("tekton.dev/v1", "PipelineRun", {
          conditions: [condition("Succeeded", "False", { message: "task build failed" })],
        }),
        health: "Degraded",
      },
      {
        says: "task ended",
        object: run("tekton.dev/v1", "TaskRun", { conditions: [condition("Succeeded", "True")] }),
        health: "Healthy",
      },
    ],
  ],
  [
    "Flux",
    [
      { says: "new", object: flux({}), health: "Progressing" },
      {
        says: "suspended, whatever it said before",
        object: flux({
          spec: { suspend: true },
          status: { observedGeneration: 1, conditions: [condition("Ready", "False")] },
        }),
        health: "Suspended",
      },
      {
        says: "an older spec seen",
        object: flux({ status: { observedGeneration: 1, conditions: [condition("Ready", "True")] } }),
        health: "Progressing",
      },
      {
        says: "ready",
        object: fluxSays(condition("Ready", "True", { reason: "ReconciliationSucceeded" })),
        health: "Healthy",
      },
      {
        says: "reconciling",
        object: fluxSays(condition("Reconciling", "True", { reason: "Progressing" }), condition("Ready", "Unknown")),
        health: "Progressing",
      },
      {
        says: "retries after a failure",
        object: fluxSays(
          condition("Reconciling", "True", { reason: "ProgressingWithRetry", message: "building" }),
          condition("Ready", "False", { reason: "BuildFailed", message: "kustomization.yaml: no such file" }),
        ),
        health: "Degraded",
        message: /no such file/,
      },
      {
        says: "waits for another",
        object: fluxSays(
          condition("Ready", "False", { reason: "DependencyNotReady", message: "dependency infra is not ready" }),
        ),
        health: "Progressing",
      },
      {
        says: "stalled",
        object: fluxSays(condition("Stalled", "True", { message: "invalid path" }), condition("Ready", "False")),
        health: "Degraded",
        message: /invalid path/,
      },
      {
        says: "release failed",
        object: object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
          spec: {},
          status: { observedGeneration: 2, conditions: [condition("Ready", "False", { reason: "InstallFailed" })] },
        }),
        health: "Degraded",
      },
      {
        says: "source fetched",
        object: object("source.toolkit.fluxcd.io/v1", "GitRepository", {
          spec: {},
          status: { observedGeneration: 2, conditions: [condition("Ready", "True")] },
        }),
        health: "Healthy",
      },
      {
        says: "an OCI address without a status",
        object: object("source.toolkit.fluxcd.io/v1", "HelmRepository", { spec: { type: "oci" } }),
        health: undefined,
      },
    ],
  ],
]);
