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
import { isRecord } from "./field-set.ts";
import { finalizersOf, isBeingDeleted, uidOf } from "./live-meta.ts";
import { asksBeforePrune, isForced, isKeptFromPrune } from "./object-policy.ts";
import type { DeclaredObject, OwnedObjects } from "./owned-objects.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";

const CRD = "apiextensions.k8s.io/CustomResourceDefinition";

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

/** An object to delete so that it can be made anew. */
export interface Recreation {
  readonly uid: string;
  /** What would be lost with it: a person has to say yes first. */
  readonly risk?: string;
}

/** Would take data, or everything below them, along. */
const RISKS: Readonly<Record<string, string>> = {
  "/Namespace": "everything in it is deleted with it",
  "/PersistentVolume": "its data may be lost",
  "/PersistentVolumeClaim": "its data may be lost",
  [CRD]: "every object of the kind is deleted with it",
  "apps/StatefulSet": "its pods and volumes stay and are taken over by the new one",
};
const GONE_WITHIN_MS = 60_000;

/**
 * The object to delete so that it can be made anew. Only where that was asked for, only what is ours, and only when a
 * dry-run under another name shows that the new object would be accepted. Else throws why not.
 */
export async function planRecreation(object: DeclaredObject, options: RecreationOptions): Promise<Recreation> {
  const { client, cluster, owned, settingsOf, failure, live, signal } = options;
  const { app, source } = object;
  if (settingsOf(app)?.sync.force !== true && !isForced(source)) throw failure;
  const refuse = (why: string, cause?: unknown): never => {
    throw new KubeError("conflict", `${failure.message}; not recreated: ${why}`, { cause });
  };
  if (live === undefined || ownerOf(live, cluster).kind !== "ours") return refuse("it is not ours to delete");
  if ([source, live].some(isKeptFromPrune)) return refuse("it is kept from deletion by annotation");
  // What is on its way was let pass before.
  if (isBeingDeleted(live)) return { uid: uidOf(live) };
  try {
    await client.create(probeOf(owned.prepare(object, undefined)), { dryRun: true, manager: FIELD_MANAGER, signal });
  } catch (cause) {
    const refusal = KubeError.from(cause);
    if (signal.aborted || refusal.isServerAway) throw refusal;
    return refuse(`the new object would not be accepted either: ${refusal.message}`, cause);
  }
  const asks = [source, live].some(asksBeforePrune) ? "it asks by annotation for a person's yes" : undefined;
  const risk = RISKS[kindOf(source)] ?? asks;
  return { uid: uidOf(live), ...(risk === undefined ? {} : { risk }) };
}

/** The object under a name nobody has. That of a CRD is made of what it defines. */
function probeOf(prepared: KubeObject): KubeObject {
  const random = randomBytes(4).toString("hex");
  const spec = prepared["spec"];
  if (kindOf(prepared) !== CRD || !isRecord(spec)) {
    return { ...prepared, metadata: { ...prepared.metadata, name: `axle-probe-${random}` } };
  }
  const plural = `axleprobe${random}`;
  const names = { ...(isRecord(spec["names"]) ? spec["names"] : {}), plural, singular: plural };
  const metadata = { ...prepared.metadata, name: `${plural}.${String(spec["group"])}` };
  return { ...prepared, metadata, spec: { ...spec, names } };
}

function kindOf({ apiVersion, kind }: KubeObject): string {
  return `${groupOf(apiVersion)}/${kind}`;
}

/** Deletes the object and waits until it is gone. `conflict` names what keeps it. */
export async function removeForRecreation(
  client: KubeClient,
  source: KubeObject,
  options: { readonly uid: string; readonly signal: AbortSignal },
): Promise<void> {
  const { uid, signal } = options;
  const address = addressOf(source);
  // Its pods go on under the new one.
  const propagation = kindOf(source) === "apps/StatefulSet" ? "Orphan" : "Background";
  let left = await client.delete(address, { uid, propagation, signal });
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
