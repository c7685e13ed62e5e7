import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, isTrue, sayCondition } from "./conditions.ts";
import { isFields, listAt, numberAt, textAt, timeAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing, suspended } from "./verdict.ts";

export function jobHealth(object: KubeObject): HealthVerdict {
  const conditions = conditionsOf(object);
  const failed = findCondition(conditions, "Failed");
  if (failed?.status === "True") return degraded(sayCondition(failed));
  if (isTrue(conditions, "Complete")) return healthy("completed");
  if (isTrue(conditions, "Suspended") || valueAt(object, "spec.suspend") === true) return suspended("suspended");
  const active = numberAt(object, "status.active") ?? 0;
  const wanted = numberAt(object, "spec.completions") ?? 1;
  return progressing(`${numberAt(object, "status.succeeded") ?? 0} of ${wanted} completed, ${active} running`);
}

export function cronJobHealth(object: KubeObject): HealthVerdict {
  if (valueAt(object, "spec.suspend") === true) return healthy("suspended");
  if (!isFields(object["status"])) return progressing("its controller has not seen it yet");
  const lastScheduleMs = timeAt(object, "status.lastScheduleTime");
  if (lastScheduleMs === undefined) return healthy("not run yet");
  if (listAt(object, "status.active").length > 0) return healthy("running");
  const lastSuccessMs = timeAt(object, "status.lastSuccessfulTime");
  // Its first run may be between two writes of the status, so this is not yet a failure.
  if (lastSuccessMs === undefined) return healthy("no run has succeeded yet");
  if (lastSuccessMs < lastScheduleMs) {
    return degraded(
      `its last run did not succeed; the last that did was at ${textAt(object, "status.lastSuccessfulTime")}`,
    );
  }
  return healthy();
}
