import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, isTrue, sayCondition } from "./conditions.ts";
import { textAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing, suspended } from "./verdict.ts";

const OFF = ["Stopped", "Paused", "Halted"];
/** `CrashLoopBackOff`, `ErrorUnschedulable`, `ErrImagePull`, `DataVolumeError`, … */
const BROKEN = /^(Err|Crash)|Error$|BackOff$/;

/** A virtual machine of KubeVirt. One that is switched off is Suspended. */
export function virtualMachineHealth(object: KubeObject): HealthVerdict {
  const word = textAt(object, "status.printableStatus") || textAt(object, "status.phase");
  const conditions = conditionsOf(object);
  if (isTrue(conditions, "Paused") || OFF.includes(word)) return suspended(word || "paused");
  const failure = findCondition(conditions, "Failure");
  if (failure?.status === "True") return degraded(sayCondition(failure));
  if (word === "Failed" || BROKEN.test(word)) return degraded(word);
  if (word === "Succeeded") return healthy("ended");
  if (isTrue(conditions, "Ready")) return healthy();
  const isOff = findCondition(conditions, "Ready") !== undefined && valueAt(object, "status.created") !== true;
  if (word === "" && isOff && object.kind === "VirtualMachine") return suspended("switched off");
  return progressing(word || "waits for its node");
}
