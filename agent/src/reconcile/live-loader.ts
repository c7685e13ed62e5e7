import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { eachBounded } from "./each-bounded.ts";
import { APP_LABEL } from "./ownership-mark.ts";
import type { ResolvedObject } from "./resolved-app.ts";

/** Above this many of one kind a filtered list is cheaper than single reads. */
const LIST_FROM = 8;
const CONCURRENCY = 16;

export interface LoadRequest {
  /** Objects that should exist because an inventory has them. */
  readonly objects: readonly ResolvedObject[];
  readonly signal: AbortSignal;
  /** Called for each that exists; nothing is kept here. */
  readonly onLive: (object: ResolvedObject, live: KubeObject) => void;
}

/**
 * Reads what we should find in the cluster after a start: one filtered list for each kind, never what is not ours. A kind
 * that cannot be read (an aggregated API that is down) is passed over: whoever needs its objects asks for them again.
 */
export async function loadLive(client: KubeClient, request: LoadRequest): Promise<void> {
  const byKind = Map.groupBy(request.objects, ({ source }) => `${source.apiVersion}/${source.kind}`);
  for (const objects of byKind.values()) {
    try {
      if (objects.length < LIST_FROM) await readEach(client, objects, request);
      else await readList(client, objects, request);
    } catch (error) {
      request.signal.throwIfAborted();
      if (KubeError.from(error).isServerAway) throw error;
    }
  }
}

async function readEach(client: KubeClient, objects: readonly ResolvedObject[], request: LoadRequest): Promise<void> {
  await eachBounded(objects, CONCURRENCY, async (object) => {
    const live = await client.get(addressOf(object.source), request.signal);
    if (live !== undefined) request.onLive(object, live);
  });
}

async function readList(client: KubeClient, objects: readonly ResolvedObject[], request: LoadRequest): Promise<void> {
  const { onLive, signal } = request;
  const wanted = new Map<ObjectId, ResolvedObject>(objects.map((object) => [object.id, object]));
  const [first] = objects;
  if (first === undefined) return;
  const { apiVersion, kind } = first.source;
  try {
    const resource = await client.discovery.find(apiVersion, kind);
    for await (const page of client.list(resource, { labelSelector: APP_LABEL, signal })) {
      for (const live of page.items) {
        const object = wanted.get(idOf(live));
        if (object !== undefined) onLive(object, live);
      }
    }
  } catch (error) {
    const { code } = KubeError.from(error);
    if (code === "kind-unknown" || code === "not-supported" || code === "gone")
      await readEach(client, objects, request);
    else throw error;
  }
}
