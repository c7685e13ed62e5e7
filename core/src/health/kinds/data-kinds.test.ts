import { condition, type HealthCase, object, type Part } from "../health-case.ts";
import { runHealthCases } from "../run-health-cases.test-support.ts";

const kafka = (...conditions: readonly Part[]): HealthCase["object"] =>
  object("kafka.strimzi.io/v1beta2", "Kafka", { status: { observedGeneration: 2, conditions } });
const elastic = (status: Part): HealthCase["object"] =>
  object("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", {
    spec: { nodeSets: [{ count: 2 }, { count: 1 }] },
    status,
  });
const GREEN = { availableNodes: 3, phase: "Ready", health: "green" };
const postgres = (status: Part, metadata?: Part): HealthCase["object"] =>
  object("postgresql.cnpg.io/v1", "Cluster", { status }, metadata);
const zalando = (word: string): HealthCase["object"] =>
  object("acid.zalan.do/v1", "postgresql", { status: { PostgresClusterStatus: word } });
const rabbit = (...conditions: readonly Part[]): HealthCase["object"] =>
  object("rabbitmq.com/v1beta1", "RabbitmqCluster", { status: { conditions } });

runHealthCases([
  [
    "Strimzi",
    [
      { says: "ready", object: kafka(condition("Ready", "True"), condition("Warning", "True")), health: "Healthy" },
      {
        says: "being created",
        object: kafka(condition("NotReady", "True", { reason: "Creating" })),
        health: "Progressing",
      },
      {
        says: "failed",
        object: kafka(condition("NotReady", "True", { reason: "InvalidResourceException", message: "no listeners" })),
        health: "Degraded",
        message: /no listeners/,
      },
      { says: "paused", object: kafka(condition("ReconciliationPaused", "True")), health: "Suspended" },
      {
        says: "a node pool, which has no conditions",
        object: object("kafka.strimzi.io/v1beta2", "KafkaNodePool", { status: { observedGeneration: 2 } }),
        health: "Healthy",
      },
    ],
  ],
  [
    "Elastic",
    [
      { says: "green", object: elastic(GREEN), health: "Healthy" },
      { says: "yellow", object: elastic({ ...GREEN, health: "yellow" }), health: "Degraded", message: /yellow/ },
      {
        says: "red",
        object: elastic({ ...GREEN, availableNodes: 1, health: "red" }),
        health: "Degraded",
        message: /red/,
      },
      {
        says: "nodes missing",
        object: elastic({ ...GREEN, availableNodes: 2 }),
        health: "Progressing",
        message: /2 of 3/,
      },
      {
        says: "moving data, and yellow for it",
        object: elastic({ ...GREEN, phase: "MigratingData", health: "yellow" }),
        health: "Progressing",
        message: /MigratingData/,
      },
      { says: "invalid", object: elastic({ phase: "Invalid" }), health: "Degraded" },
      { says: "new", object: elastic({}), health: "Progressing" },
      {
        says: "Kibana green",
        object: object("kibana.k8s.elastic.co/v1", "Kibana", { status: { health: "green" } }),
        health: "Healthy",
      },
      {
        says: "Kibana red",
        object: object("kibana.k8s.elastic.co/v1", "Kibana", { status: { health: "red" } }),
        health: "Degraded",
      },
      {
        says: "Beat yellow",
        object: object("beat.k8s.elastic.co/v1beta1", "Beat", { status: { health: "yellow" } }),
        health: "Progressing",
      },
    ],
  ],
  [
    "PostgreSQL",
    [
      { says: "well", object: postgres({ phase: "Cluster in healthy state" }), health: "Healthy" },
      {
        says: "setting up",
        object: postgres({ phase: "Setting up primary", phaseReason: "Creating primary instance db-1" }),
        health: "Progressing",
        message: /db-1/,
      },
      { says: "failing over", object: postgres({ phase: "Failing over" }), health: "Degraded" },
      {
        says: "beyond repair",
        object: postgres({ phase: "Cluster is unrecoverable and needs manual intervention" }),
        health: "Degraded",
      },
      {
        says: "hibernating",
        object: postgres({
          phase: "Cluster in healthy state",
          conditions: [condition("cnpg.io/hibernation", "True", { message: "hibernated" })],
        }),
        health: "Suspended",
      },
      {
        says: "left alone by its operator",
        object: postgres({ phase: "Setting up primary" }, { annotations: { "cnpg.io/reconciliation": "disabled" } }),
        health: "Suspended",
      },
      { says: "new", object: postgres({}), health: "Progressing" },
      {
        says: "a backup that failed",
        object: object("postgresql.cnpg.io/v1", "Backup", { status: { phase: "failed", error: "no bucket" } }),
        health: "Degraded",
        message: /no bucket/,
      },
      { says: "Zalando's, running", object: zalando("Running"), health: "Healthy" },
      { says: "Zalando's, updating", object: zalando("Updating"), health: "Progressing" },
      { says: "Zalando's, failed", object: zalando("SyncFailed"), health: "Degraded" },
    ],
  ],
  [
    "MongoDB and RabbitMQ",
    [
      {
        says: "MongoDB running",
        object: object("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity", { status: { phase: "Running" } }),
        health: "Healthy",
      },
      {
        says: "MongoDB failed",
        object: object("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity", {
          status: { phase: "Failed", message: "bad version" },
        }),
        health: "Degraded",
        message: /bad version/,
      },
      {
        says: "RabbitMQ ready",
        object: rabbit(
          condition("ReconcileSuccess", "True"),
          condition("ClusterAvailable", "True"),
          condition("AllReplicasReady", "True"),
        ),
        health: "Healthy",
      },
      {
        says: "RabbitMQ forming",
        object: rabbit(condition("ClusterAvailable", "Unknown"), condition("AllReplicasReady", "Unknown")),
        health: "Progressing",
      },
      {
        says: "RabbitMQ scaled to nothing",
        object: rabbit(
          condition("ClusterAvailable", "True"),
          condition("AllReplicasReady", "False", { reason: "ScaledToZero" }),
        ),
        health: "Suspended",
      },
      {
        says: "RabbitMQ not reconciled",
        object: rabbit(
          condition("ReconcileSuccess", "False", { message: "bad config" }),
          condition("AllReplicasReady", "True"),
        ),
        health: "Degraded",
      },
    ],
  ],
]);
