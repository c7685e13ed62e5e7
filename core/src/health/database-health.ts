import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, sayCondition } from "./conditions.ts";
import { isBehind, listAt, numberAt, textAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, NOT_SEEN, progressing, suspended } from "./verdict.ts";

/** An Elasticsearch of Elastic's operator: all nodes there, nothing being changed, and the cluster green. */
export function elasticsearchHealth(object: KubeObject): HealthVerdict {
  if (isBehind(object, { strict: false })) return progressing(NOT_SEEN);
  const phase = textAt(object, "status.phase");
  const colour = textAt(object, "status.health");
  if (phase === "Invalid") return degraded("its specification is invalid");
  if (colour === "red") return degraded("the cluster is red: data is missing");
  const wanted = listAt(object, "spec.nodeSets").reduce((sum, set) => sum + (numberAt(set, "count") ?? 0), 0);
  const nodes = numberAt(object, "status.availableNodes") ?? 0;
  if (nodes < wanted) return progressing(`${nodes} of ${wanted} nodes are available`);
  if (phase !== "Ready") return progressing(phase === "" ? "waits for its operator" : phase);
  if (colour === "green") return healthy();
  if (colour === "yellow") return degraded("the cluster is yellow: replicas are missing");
  return progressing(`the cluster's health is ${colour || "not known yet"}`);
}

const BROKEN_PHASES: ReadonlySet<string> = new Set([
  "Unable to create required cluster objects",
  "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
  "Cluster has incomplete or invalid image catalog",
  "Cluster is unrecoverable and needs manual intervention",
  "Cluster cannot execute instance online upgrade due to missing architecture binary",
  "Waiting for user action",
  "Cluster upgrade delayed",
  "Failing over",
  "Switchover in progress",
]);

/** A Cluster of CloudNativePG, whose phase is a sentence. */
export function postgresClusterHealth(object: KubeObject): HealthVerdict {
  const annotations = object.metadata.annotations ?? {};
  if (annotations["cnpg.io/reconciliation"] === "disabled") return suspended("its reconciliation is disabled");
  const hibernation = findCondition(conditionsOf(object), "cnpg.io/hibernation");
  if (hibernation?.status === "True") return suspended(sayCondition(hibernation));
  const phase = textAt(object, "status.phase");
  const reason = textAt(object, "status.phaseReason");
  if (phase === "Cluster in healthy state") return healthy();
  if (phase === "") return progressing("waits for its operator");
  const message = reason === "" ? phase : `${phase}: ${reason}`;
  return BROKEN_PHASES.has(phase) ? degraded(message) : progressing(message);
}
