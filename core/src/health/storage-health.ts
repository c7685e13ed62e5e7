import type { KubeObject } from "../manifest/object.ts";
import { listAt, textAt, valueAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing } from "./verdict.ts";

/** What Kubernetes writes on a claim as soon as somebody is asked to make its volume, or a pod that uses it has a node. */
const ASKED_FOR = [
  "volume.kubernetes.io/storage-provisioner",
  "volume.beta.kubernetes.io/storage-provisioner",
  "volume.kubernetes.io/selected-node",
];

/**
 * A claim. Whether its class binds late (WaitForFirstConsumer) stands on the class; on the claim itself it shows by what
 * is missing: nobody has been asked for a volume yet, and no volume is named. Such a claim holds nobody up: it is bound
 * when the first pod uses it, and a pod that cannot get it says so itself.
 */
export function volumeClaimHealth(object: KubeObject): HealthVerdict {
  const phase = textAt(object, "status.phase");
  if (phase === "Lost") return degraded("its volume is lost");
  if (phase === "Bound") return healthy(sayResize(object));
  const annotations = object.metadata.annotations ?? {};
  const isAskedFor =
    ASKED_FOR.some((name) => annotations[name] !== undefined) || textAt(object, "spec.volumeName") !== "";
  if (isAskedFor || phase !== "Pending") return progressing("waits for its volume");
  return { ...progressing("waits for the first pod that uses it, or for a volume that fits"), blocks: false };
}

function sayResize(object: KubeObject): string {
  const resize = listAt(object, "status.conditions").find(
    (condition) => /Resiz/.test(textAt(condition, "type")) && textAt(condition, "status") === "True",
  );
  return resize === undefined ? "" : textAt(resize, "message") || textAt(resize, "type");
}

/** A VolumeSnapshot, its content, and groups of them. */
export function snapshotHealth(object: KubeObject): HealthVerdict {
  if (valueAt(object, "status.readyToUse") === true) return healthy();
  const message = textAt(object, "status.error.message");
  return message === "" ? progressing("waits for the snapshot to be taken") : degraded(message);
}

/** A volume of Longhorn. */
export function replicatedVolumeHealth(object: KubeObject): HealthVerdict {
  const state = textAt(object, "status.state");
  const robustness = textAt(object, "status.robustness");
  if (robustness === "faulted") return degraded("the volume is faulted: its data cannot be reached");
  if (state === "detached") return healthy("detached");
  if (state !== "attached") return progressing(state === "" ? "waits for its volume" : state);
  if (robustness === "healthy") return healthy();
  return progressing(robustness === "degraded" ? "rebuilds a replica" : "attached");
}

/** A CephCluster of Rook. */
export function cephClusterHealth(object: KubeObject): HealthVerdict {
  const ceph = textAt(object, "status.ceph.health");
  const state = textAt(object, "status.state") || textAt(object, "status.phase");
  const message = textAt(object, "status.message");
  if (ceph === "HEALTH_ERR" || ceph === "HEALTH_WARN") return degraded(`Ceph says ${ceph}${sayDetails(object)}`);
  if (state === "Error" || state === "Failure") return degraded(message || state);
  const isThere = ["Created", "Connected", "Ready"].includes(state);
  return ceph === "HEALTH_OK" && isThere ? healthy() : progressing(message || state || "waits for its operator");
}

function sayDetails(object: KubeObject): string {
  const details = Object.entries((valueAt(object, "status.ceph.details") ?? {}) as Record<string, unknown>);
  const said = details.map(([code, detail]) => textAt({ detail }, "detail.message") || code).toSorted();
  return said.length === 0 ? "" : `: ${said.join("; ")}`;
}
