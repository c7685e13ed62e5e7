import { condition, type HealthCase, object, type Part } from "../health-case.ts";
import { runHealthCases } from "../run-health-cases.test-support.ts";

const says =
  (apiVersion: string, kind: string) =>
  (...conditions: readonly Part[]): HealthCase["object"] =>
    object(apiVersion, kind, conditions.length === 0 ? {} : { status: { conditions } });
const bucket = says("s3.aws.upbound.io/v1beta1", "Bucket");
const provider = says("pkg.crossplane.io/v1", "Provider");
const claim = says("platform.example.com/v1", "Database");
const ack = says("s3.services.k8s.aws/v1alpha1", "Bucket");
const kcc = says("storage.cnrm.cloud.google.com/v1beta1", "StorageBucket");
const aso = says("resources.azure.com/v1api20200601", "ResourceGroup");
const pool = says("karpenter.sh/v1", "NodePool");
const nodeClaim = says("karpenter.sh/v1", "NodeClaim");
const cluster = (status: Part, spec: Part = {}): HealthCase["object"] =>
  object("cluster.x-k8s.io/v1beta1", "Cluster", { spec, status });
const machines = (status: Part): HealthCase["object"] =>
  object("cluster.x-k8s.io/v1beta2", "MachineDeployment", { spec: {}, status });

runHealthCases([
  [
    "Crossplane",
    [
      { says: "ready", object: bucket(condition("Synced", "True"), condition("Ready", "True")), health: "Healthy" },
      {
        says: "being created",
        object: bucket(condition("Synced", "True"), condition("Ready", "False", { reason: "Creating" })),
        health: "Progressing",
        message: /Creating/,
      },
      {
        says: "refused by the cloud",
        object: bucket(condition("Ready", "True"), condition("Synced", "False", { message: "AccessDenied" })),
        health: "Degraded",
        message: /AccessDenied/,
      },
      {
        says: "its operation failed",
        object: bucket(
          condition("LastAsyncOperation", "False", { message: "quota" }),
          condition("Synced", "True"),
          condition("Ready", "False"),
        ),
        health: "Degraded",
        message: /quota/,
      },
      {
        says: "a composite claim, in a group of its own",
        object: claim(condition("Synced", "False", { message: "no composition" }), condition("Ready", "False")),
        health: "Degraded",
      },
      {
        says: "a composite claim that is ready",
        object: claim(condition("Synced", "True"), condition("Ready", "True")),
        health: "Healthy",
      },
      {
        says: "a provider that runs",
        object: provider(condition("Installed", "True"), condition("Healthy", "True")),
        health: "Healthy",
      },
      {
        says: "a provider that does not",
        object: provider(condition("Installed", "True"), condition("Healthy", "False")),
        health: "Degraded",
      },
      {
        says: "configuration without a status",
        object: says("aws.upbound.io/v1beta1", "ProviderConfig")(),
        health: undefined,
      },
    ],
  ],
  [
    "the clouds' own controllers",
    [
      { says: "AWS: new", object: ack(), health: "Progressing" },
      { says: "AWS: synced", object: ack(condition("ACK.ResourceSynced", "True")), health: "Healthy" },
      { says: "AWS: ready", object: ack(condition("Ready", "True")), health: "Healthy" },
      {
        says: "AWS: given up",
        object: ack(condition("ACK.Terminal", "True", { message: "bucket name is taken" })),
        health: "Degraded",
        message: /taken/,
      },
      {
        says: "Google: up to date",
        object: kcc(condition("Ready", "True", { reason: "UpToDate" })),
        health: "Healthy",
      },
      {
        says: "Google: updating",
        object: kcc(condition("Ready", "False", { reason: "Updating" })),
        health: "Progressing",
      },
      {
        says: "Google: failed",
        object: kcc(condition("Ready", "False", { reason: "UpdateFailed", message: "403" })),
        health: "Degraded",
        message: /403/,
      },
      {
        says: "Google: nothing to depend on",
        object: kcc(condition("Ready", "False", { reason: "DependencyNotFound" })),
        health: "Degraded",
      },
      { says: "Azure: ready", object: aso(condition("Ready", "True")), health: "Healthy" },
      {
        says: "Azure: a warning",
        object: aso(condition("Ready", "False", { severity: "Warning", message: "retrying" })),
        health: "Progressing",
      },
      {
        says: "Azure: an error",
        object: aso(condition("Ready", "False", { severity: "Error", message: "invalid location" })),
        health: "Degraded",
        message: /location/,
      },
    ],
  ],
  [
    "Cluster API and Karpenter",
    [
      { says: "paused", object: cluster({ phase: "Provisioned" }, { paused: true }), health: "Suspended" },
      {
        says: "provisioned",
        object: cluster({ phase: "Provisioned", conditions: [condition("Ready", "True")] }),
        health: "Healthy",
      },
      {
        says: "provisioning",
        object: cluster({
          phase: "Provisioning",
          conditions: [condition("Ready", "False", { severity: "Info", reason: "WaitingForInfrastructure" })],
        }),
        health: "Progressing",
        message: /WaitingFor/,
      },
      {
        says: "failed by condition",
        object: cluster({
          phase: "Provisioning",
          conditions: [condition("Ready", "False", { severity: "Error", message: "quota" })],
        }),
        health: "Degraded",
        message: /quota/,
      },
      {
        says: "failed by phase",
        object: cluster({ phase: "Failed", failureMessage: "no credentials" }),
        health: "Degraded",
        message: /Failed: no credentials/,
      },
      { says: "machines scaling up", object: machines({ phase: "ScalingUp" }), health: "Progressing" },
      { says: "machines running", object: machines({ phase: "Running" }), health: "Healthy" },
      {
        says: "machines that roll out while available",
        object: machines({
          conditions: [condition("Available", "True"), condition("RollingOut", "True", { message: "1 of 3" })],
        }),
        health: "Progressing",
      },
      {
        says: "machines available",
        object: machines({
          conditions: [
            condition("Available", "True"),
            condition("RollingOut", "False"),
            condition("ScalingUp", "False"),
          ],
        }),
        health: "Healthy",
      },
      {
        says: "node pool ready",
        object: pool(condition("NodeClassReady", "True"), condition("Ready", "True")),
        health: "Healthy",
      },
      {
        says: "node pool without its class",
        object: pool(
          condition("NodeClassReady", "False", { message: "NodeClass not found" }),
          condition("Ready", "False"),
        ),
        health: "Degraded",
        message: /not found/,
      },
      {
        says: "node being launched",
        object: nodeClaim(condition("Launched", "Unknown"), condition("Ready", "Unknown")),
        health: "Progressing",
      },
      {
        says: "node that cannot be launched",
        object: nodeClaim(condition("Launched", "False", { reason: "LaunchFailed" }), condition("Ready", "False")),
        health: "Degraded",
      },
      {
        says: "node there",
        object: nodeClaim(condition("Launched", "True"), condition("Ready", "True")),
        health: "Healthy",
      },
    ],
  ],
]);
