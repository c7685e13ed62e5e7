import { randomBytes } from "node:crypto";
import type { AppSettings } from "@axle/core/fleet/app.ts";
import { groupOf } from "@axle/core/manifest/object.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { isTimeout } from "@axle/runtime/stop-error.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { ownerOf } from "./adoption.ts";
import { finalizersOf, uidOf } from "./live-meta.ts";
import { isForced, isKeptFromPrune } from "./object-policy.ts";
import type { DeclaredObject, OwnedObjects } from "./owned-objects.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";

export interface RecreationOptions {
  readonly client: KubeClient;
  readonly cluster: string;
  readonly owned: OwnedObjects;
  readonly settingsOf: (app: string) => AppSettings | undefined;
  /** What the server said to a change in place. */
  readonly failure: KubeError;
  readonly live: KubeObject | undefined;
  readonly signal: AbortSignal;
}

/** Would take data, or everything below them, along: a person has to do that. */
const NEVER: Readonly<Record<string, string>> = {
  "/Namespace": "everything in it would be deleted with it",
  "/PersistentVolume": "its data could be lost",
  "/PersistentVolumeClaim": "its data could be lost",
  "apiextensions.k8s.io/CustomResourceDefinition": "every object of the kind would be deleted with it",
  "apps/StatefulSet":
    "delete it with kubectl delete --cascade=orphan, which keeps its pods and volumes, and it is made anew",
};
const GONE_WITHIN_MS = 60_000;

/**
 * The uid of the object to delete so that it can be made anew. Only where that was asked for, only what is ours, and only
 * when a dry-run under another name shows that the new object would be accepted. Else throws why not.
 */
export async function planRecreation(object: DeclaredObject, options: RecreationOptions): Promise<string> {
  const { client, cluster, owned, settingsOf, failure, live, signal } = options;
  const { app, source } = object;
  if (settingsOf(app)?.sync.force !== true && !isForced(source)) throw failure;
  const refuse = (why: string, cause?: unknown): never => {
    throw new KubeError("conflict", `${failure.message}; not recreated: ${why}`, { cause });
  };
  const never = NEVER[`${groupOf(source.apiVersion)}/${source.kind}`];
  if (never !== undefined) return refuse(never);
  if (live === undefined || ownerOf(live, cluster).kind !== "ours") return refuse("it is not ours to delete");
  if (isKeptFromPrune(live)) return refuse("it is kept from deletion by annotation");
  const prepared = owned.prepare(object, undefined);
  const name = `axle-probe-${randomBytes(4).toString("hex")}`;
  const probe = { ...prepared, metadata: { ...prepared.metadata, name } };
  try {
    await client.create(probe, { dryRun: true, manager: FIELD_MANAGER, signal });
  } catch (cause) {
    const refusal = KubeError.from(cause);
    if (signal.aborted || refusal.isServerAway) throw refusal;
    return refuse(`the new object would not be accepted either: ${refusal.message}`, cause);
  }
  return uidOf(live);
}

/** Deletes the object and waits until it is gone. `conflict` names what keeps it. */
export async function removeForRecreation(
  client: KubeClient,
  source: KubeObject,
  options: { readonly uid: string; readonly signal: AbortSignal },
): Promise<void> {
  const { uid, signal } = options;
  const address = addressOf(source);
  let left = await client.delete(address, { uid, signal });
  const wait = async (during: AbortSignal) => {
    for (let delayMs = 20; left !== undefined && uidOf(left) === uid; delayMs = Math.min(1_000, delayMs * 2)) {
      await sleep(delayMs, during);
      left = await client.get(address, during);
    }
  };
  try {
    await withDeadline({ timeoutMs: GONE_WITHIN_MS, signal, what: "recreate" }, wait);
  } catch (cause) {
    if (signal.aborted || !isTimeout(cause)) throw cause;
    const finalizers = left === undefined ? [] : finalizersOf(left);
    throw new KubeError("conflict", `being recreated, blocked by finalizer ${finalizers.join(", ") || "?"}`, { cause });
  }
}
