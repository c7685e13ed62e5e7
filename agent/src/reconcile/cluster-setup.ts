import type { KubeObject } from "@axle/core/manifest/object.ts";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { isRecord } from "./field-set.ts";
import { AXLE_CRDS, AXLE_NAMESPACE } from "./axle-crds.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";
import { ReconcileError } from "./reconcile-error.ts";

const ESTABLISH_TIMEOUT_MS = 30_000;

/**
 * Namespace and kinds of ours, as this version of the agent needs them. Where we may not write them (installed by
 * somebody with more rights) they must be there.
 */
export async function setUpCluster(client: KubeClient, signal: AbortSignal): Promise<void> {
  const namespace: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: AXLE_NAMESPACE } };
  await Promise.all([namespace, ...AXLE_CRDS].map((object) => applyOrFind(client, object, signal)));
  await awaitEstablished(client, { crds: AXLE_CRDS, signal, timeoutMs: ESTABLISH_TIMEOUT_MS });
}

async function applyOrFind(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  try {
    await client.apply(object, { manager: FIELD_MANAGER, signal });
  } catch (cause) {
    if (KubeError.from(cause).code !== "forbidden") throw cause;
    if ((await client.get(addressOf(object), signal)) !== undefined) return;
    const what = `${object.kind} ${object.metadata.name}`;
    throw new ReconcileError("setup", `${what} does not exist and the agent may not create it`, { cause });
  }
}

/** Waits until CRDs are served, then lets discovery look again. `not-established` names those that are not in time. */
export async function awaitEstablished(
  client: KubeClient,
  options: { readonly crds: readonly KubeObject[]; readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  const { crds, timeoutMs } = options;
  const waiting = new Map(crds.map((crd) => [crd.metadata.name, crd]));
  const wait = async (signal: AbortSignal) => {
    for (let delayMs = 20; ; delayMs = Math.min(1_000, delayMs * 2)) {
      for (const [name, crd] of waiting) {
        const live = await client.get(addressOf(crd), signal);
        if (live !== undefined && isEstablished(live)) waiting.delete(name);
      }
      client.discovery.forget();
      for (const crd of crds) {
        if (!waiting.has(crd.metadata.name) && !(await isServed(client, crd))) waiting.set(crd.metadata.name, crd);
      }
      if (waiting.size === 0) return;
      await sleep(delayMs, signal);
    }
  };
  try {
    await withDeadline({ timeoutMs, signal: options.signal, what: "establish CRDs" }, wait);
  } catch (cause) {
    options.signal.throwIfAborted();
    if (KubeError.from(cause).code !== "timeout") throw cause;
    throw new ReconcileError("not-established", `not established in time: ${[...waiting.keys()].join(", ")}`, {
      cause,
    });
  }
}

async function isServed(client: KubeClient, crd: KubeObject): Promise<boolean> {
  const kinds = servedKindsOf(crd);
  const found = await Promise.all(
    kinds.map(async ({ apiVersion, kind }) =>
      client.discovery.find(apiVersion, kind).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.every(Boolean);
}

/** The kinds a CRD brings, one for each version it serves. */
export function servedKindsOf(
  crd: KubeObject,
): readonly { readonly apiVersion: string; readonly kind: string; readonly namespaced: boolean }[] {
  const spec = crd["spec"];
  if (!isRecord(spec) || !isRecord(spec["names"]) || !Array.isArray(spec["versions"])) return [];
  const kind = spec["names"]["kind"];
  return spec["versions"]
    .filter((version: unknown) => isRecord(version) && version["served"] !== false)
    .map((version) => ({
      apiVersion: `${String(spec["group"])}/${String(version.name)}`,
      kind: String(kind),
      namespaced: spec["scope"] === "Namespaced",
    }));
}

function isEstablished(crd: KubeObject): boolean {
  const status = crd["status"];
  const conditions = isRecord(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
  return conditions.some(
    (condition: unknown) =>
      isRecord(condition) && condition["type"] === "Established" && condition["status"] === "True",
  );
}
