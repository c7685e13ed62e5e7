import type { KubeObject } from "../manifest/object.ts";
import { type Condition, conditionsOf, isTrue, sayCondition, toCondition } from "./conditions.ts";
import { isFields } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing } from "./verdict.ts";

const FAILURES: Readonly<Record<string, readonly string[]>> = {
  AbleToScale: ["FailedGetScale", "FailedUpdateScale"],
  ScalingActive: [
    "FailedGetResourceMetric",
    "FailedGetContainerResourceMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "InvalidSelector",
  ],
};

/** autoscaling/v1 has no conditions of its own and carries them as JSON in an annotation. */
const V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions";

export function autoscalerHealth(object: KubeObject): HealthVerdict {
  const own = conditionsOf(object);
  const conditions = own.length > 0 ? own : annotatedConditions(object);
  const failure = conditions.find((condition) => FAILURES[condition.type]?.includes(condition.reason));
  if (failure !== undefined) return degraded(sayCondition(failure));
  if (isTrue(conditions, "AbleToScale") || isTrue(conditions, "ScalingLimited")) return healthy();
  return progressing("waits for its first measurement");
}

function annotatedConditions(object: KubeObject): readonly Condition[] {
  const text = object.metadata.annotations?.[V1_CONDITIONS];
  if (text === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter(isFields).map(toCondition) : [];
  } catch {
    // Anybody can write an annotation; one that is no JSON says nothing.
    return [];
  }
}
