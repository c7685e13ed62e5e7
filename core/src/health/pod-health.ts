import type { KubeObject } from "../manifest/object.ts";
import { conditionsOf, findCondition, isTrue, sayCondition } from "./conditions.ts";
import { type Fields, isFields, listAt, numberAt, textAt, timeAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing, unknown } from "./verdict.ts";

/** A fresh pod is unschedulable for a moment while a node or a volume comes up. */
const SCHEDULING_GRACE_MS = 15_000;

/** Waiting reasons in words; any other reason is said as it stands. */
const REASONS: Readonly<Record<string, string>> = {
  ImagePullBackOff: "its image cannot be pulled (back-off)",
  ErrImagePull: "its image cannot be pulled",
  ErrImageNeverPull: "its image is not on the node and may not be pulled",
  InvalidImageName: "its image name is invalid",
  CrashLoopBackOff: "it keeps crashing (back-off)",
  CreateContainerConfigError: "its configuration is incomplete",
  CreateContainerError: "it cannot be created",
  RunContainerError: "it cannot be started",
};

export function podHealth(object: KubeObject, nowMs: number): HealthVerdict {
  const phase = textAt(object, "status.phase");
  if (phase === "Succeeded") return healthy("completed");
  if (phase === "Failed") return degraded(sayFailure(object));
  // The node does not answer: what runs there nobody knows.
  if (phase === "Unknown") return unknown(textAt(object, "status.message") || "its node does not answer");

  const since = sinceOf(object);
  const stuck = containersOf(object).flatMap((container) => sayStuck(container, since) ?? []);
  if (stuck.length > 0) return degraded(stuck.join("; "));
  if (phase !== "Running") return waitingPod(object, nowMs);

  const restartPolicy = textAt(object, "spec.restartPolicy") || "Always";
  if (restartPolicy !== "Always") return progressing("running to completion");
  if (isTrue(conditionsOf(object), "Ready")) return healthy();
  const crashed = containersOf(object).find(hasCrashed);
  if (crashed !== undefined) return degraded(`not ready; ${sayTermination(crashed, "lastState.terminated")}`);
  const unready = containersOf(object).filter(
    (container) => valueAt(container, "ready") === false && !isDone(container),
  );
  return progressing(unready.length === 0 ? "not ready" : `not ready: ${unready.map(nameOf).join(", ")}${since}`);
}

function waitingPod(object: KubeObject, nowMs: number): HealthVerdict {
  const scheduled = findCondition(conditionsOf(object), "PodScheduled");
  if (scheduled?.status !== "False" || scheduled.reason !== "Unschedulable") return progressing("pending");
  const since = timeAt(object.metadata, "creationTimestamp") ?? nowMs;
  const message = `cannot be scheduled: ${sayCondition(scheduled)}`;
  return nowMs - since > SCHEDULING_GRACE_MS ? degraded(message) : progressing(message);
}

/** A container that waits for something that does not come by itself. */
function sayStuck(container: Fields, since: string): string | undefined {
  const reason = textAt(container, "state.waiting.reason");
  const isStuck = reason.startsWith("Err") || /(Error|BackOff)$/.test(reason) || reason === "InvalidImageName";
  if (!isStuck) return undefined;
  const detail = textAt(container, "state.waiting.message");
  const before = isFields(valueAt(container, "lastState.terminated"))
    ? `; last time ${sayExit(container, "lastState.terminated")}`
    : "";
  const restarts = numberAt(container, "restartCount") ?? 0;
  const often = restarts > 1 ? `; restarted ${restarts} times` : "";
  const why = `${REASONS[reason] ?? reason}${since}`;
  return `${nameOf(container)}: ${why}${detail === "" ? "" : `: ${detail}`}${before}${often}`;
}

/** When the pod stopped being ready, or began to get ready: a container that waits does not say since when. */
function sinceOf(object: KubeObject): string {
  const conditions = conditionsOf(object);
  const unready = ["ContainersReady", "Initialized", "Ready"]
    .map((type) => findCondition(conditions, type))
    .find((condition) => condition?.status === "False" && condition.since !== "");
  const since = unready?.since ?? textAt(object, "status.startTime");
  return since === "" ? "" : ` since ${since}`;
}

/** Ended before and is not well again. An init container that ended well in the end has done its work. */
function hasCrashed(container: Fields): boolean {
  const isBack = valueAt(container, "ready") === true || isDone(container);
  return !isBack && isFields(valueAt(container, "lastState.terminated"));
}

function isDone(container: Fields): boolean {
  return numberAt(container, "state.terminated.exitCode") === 0;
}

function sayFailure(object: KubeObject): string {
  const said = textAt(object, "status.message") || textAt(object, "status.reason");
  if (said !== "") return said;
  const failed = containersOf(object).filter((container) => isFailed(container));
  return failed.length === 0
    ? "failed"
    : failed.map((container) => sayTermination(container, "state.terminated")).join("; ");
}

function isFailed(container: Fields): boolean {
  const code = numberAt(container, "state.terminated.exitCode");
  return (code !== undefined && code !== 0) || textAt(container, "state.terminated.reason") === "OOMKilled";
}

function sayTermination(container: Fields, path: string): string {
  return `${nameOf(container)}: ${sayExit(container, path)}`;
}

function sayExit(container: Fields, path: string): string {
  const message = textAt(container, `${path}.message`);
  const reason = textAt(container, `${path}.reason`);
  const code = numberAt(container, `${path}.exitCode`) ?? 0;
  const why = reason === "OOMKilled" ? "it ran out of memory (OOMKilled)" : `it ended with exit code ${code}`;
  return message === "" ? why : `${why}: ${message}`;
}

function nameOf(container: Fields): string {
  return `container ${textAt(container, "name")}`;
}

function containersOf(object: KubeObject): readonly Fields[] {
  return [...listAt(object, "status.initContainerStatuses"), ...listAt(object, "status.containerStatuses")];
}
