import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, isTrue, sayCondition } from "./conditions.ts";
import { degraded, type HealthVerdict, healthy, progressing } from "./verdict.ts";

export function apiServiceHealth(object: KubeObject): HealthVerdict {
  const available = findCondition(conditionsOf(object), "Available");
  if (available === undefined) return progressing("waits to become available");
  return available.status === "True" ? healthy() : progressing(sayCondition(available));
}

export function crdHealth(object: KubeObject): HealthVerdict {
  const conditions = conditionsOf(object);
  const terminating = findCondition(conditions, "Terminating");
  if (terminating?.status === "True") return progressing(sayCondition(terminating));
  const names = findCondition(conditions, "NamesAccepted");
  if (names?.status === "False") return degraded(sayCondition(names));
  const established = findCondition(conditions, "Established");
  if (established?.status === "False" && established.reason !== "Installing")
    return degraded(sayCondition(established));
  const schema = findCondition(conditions, "NonStructuralSchema");
  if (schema?.status === "True") return degraded(sayCondition(schema));
  return isTrue(conditions, "Established") ? healthy() : progressing("waits to be established");
}
