import type { StatusRule } from "../status-rule.ts";

/** What keeps data: Strimzi, Elastic, PostgreSQL, MongoDB and RabbitMQ operators. */
export const DATA_KINDS: readonly StatusRule[] = [
  {
    kinds: ["kafka.strimzi.io/*"],
    conditions: [
      { type: "ReconciliationPaused", verdicts: { True: "Suspended" } },
      { type: "NotReady", verdicts: { True: "Degraded" }, reasons: { Creating: "Progressing" } },
      { type: "Ready", verdicts: { True: "Healthy", False: "Degraded", Unknown: "Progressing" } },
    ],
  },
  {
    kinds: [
      "kibana.k8s.elastic.co/Kibana",
      "apm.k8s.elastic.co/ApmServer",
      "beat.k8s.elastic.co/Beat",
      "agent.k8s.elastic.co/Agent",
      "logstash.k8s.elastic.co/Logstash",
      "enterprisesearch.k8s.elastic.co/EnterpriseSearch",
      "maps.k8s.elastic.co/ElasticMapsServer",
    ],
    phase: { path: "status.health", words: { Healthy: ["green"], Degraded: ["red"] } },
    waitsFor: "its first pods",
  },
  {
    kinds: ["acid.zalan.do/postgresql"],
    phase: {
      path: "status.PostgresClusterStatus",
      words: {
        Healthy: ["Running"],
        Degraded: ["CreateFailed", "UpdateFailed", "SyncFailed", "Invalid", "CreatingFailed"],
      },
    },
    waitsFor: "its operator",
  },
  {
    kinds: ["postgresql.cnpg.io/Backup"],
    phase: {
      path: "status.phase",
      words: { Healthy: ["completed"], Degraded: ["failed", "walArchivingFailing"] },
      says: ["status.error"],
    },
    waitsFor: "its start",
  },
  {
    kinds: ["mongodbcommunity.mongodb.com/MongoDBCommunity", "mongodb.com/MongoDB"],
    phase: { path: "status.phase", words: { Healthy: ["Running"], Degraded: ["Failed"] }, says: ["status.message"] },
    waitsFor: "its operator",
  },
  {
    kinds: ["rabbitmq.com/RabbitmqCluster"],
    conditions: [
      { type: "ReconcileSuccess", verdicts: { False: "Degraded" } },
      { type: "ClusterAvailable", verdicts: { False: "Progressing", Unknown: "Progressing" } },
      {
        type: "AllReplicasReady",
        verdicts: { True: "Healthy", False: "Progressing", Unknown: "Progressing" },
        reasons: { ScaledToZero: "Suspended" },
      },
    ],
    waitsFor: "its operator",
  },
];
