import { groupOf, idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { ObservedPlan } from "@axle/core/status/report.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { ownerOf } from "./adoption.ts";
import type { AppPlan, PlannedWrite } from "./app-planner.ts";
import type { ResolvedApp } from "./resolved-app.ts";

export interface ObserveRequest {
  readonly client: KubeClient;
  readonly cluster: string;
  readonly app: ResolvedApp;
  readonly plan: AppPlan;
  /** What packs of the slice have. */
  readonly isDeclared: (id: ObjectId) => boolean;
  readonly signal: AbortSignal;
}

export interface Observation {
  readonly plan: ObservedPlan;
  /** All of it counted, in words; the lists of the plan are cut. */
  readonly message: string;
}

const MOST_LISTED = 100;
const PAGE_SIZE = 100;
/** Where people look for what a tool does not know of, beside the kinds of the app itself. */
const USUAL_KINDS = [
  "apps/v1/Deployment",
  "apps/v1/StatefulSet",
  "apps/v1/DaemonSet",
  "batch/v1/CronJob",
  "batch/v1/Job",
  "v1/Service",
  "v1/ConfigMap",
  "v1/Secret",
  "v1/PersistentVolumeClaim",
  "networking.k8s.io/v1/Ingress",
];
/** Every namespace or cluster has them by itself. */
const OF_THE_CLUSTER: ReadonlySet<string> = new Set(["ConfigMap/kube-root-ca.crt", "ServiceAccount/default"]);

/** What an app that is only observed would do, and what stands beside it in its namespaces that nobody declares. Writes nothing. */
export async function observeApp(request: ObserveRequest): Promise<Observation> {
  const { app, plan } = request;
  const idsOf = (change: PlannedWrite["change"]) =>
    plan.writes.filter((write) => write.change === change).map(({ object }) => object.id);
  const create = [...idsOf("create"), ...plan.deferred.map(({ object }) => object.id)].sort();
  const adopt = idsOf("adopt").sort();
  const change = idsOf("update").sort();
  const namespaces = new Set(app.objects.flatMap(({ source }) => source.metadata.namespace ?? []));
  const unmanaged: ObjectId[] = [];
  const counts: string[] = [];
  for (const namespace of [...namespaces].sort()) {
    const found = await findUnmanaged(namespace, request);
    unmanaged.push(...found);
    if (found.length > 0) counts.push(`${found.length} unmanaged in namespace ${namespace}`);
  }
  const would = `would create ${create.length}, adopt ${adopt.length}, change ${change.length}`;
  const cut = (ids: readonly ObjectId[]) => ids.slice(0, MOST_LISTED);
  return {
    plan: { create: cut(create), adopt: cut(adopt), change: cut(change), unmanaged: cut(unmanaged) },
    message: `observing: ${[would, ...sayRefused(plan.refusals), ...counts].join("; ")}`,
  };
}

function sayRefused(refusals: readonly string[]): readonly string[] {
  const [first] = refusals;
  return first === undefined ? [] : [`${refusals.length} would be refused: ${first}`];
}

async function findUnmanaged(namespace: string, request: ObserveRequest): Promise<readonly ObjectId[]> {
  const { client, cluster, app, isDeclared, signal } = request;
  const own = app.objects.map(({ source }) => `${source.apiVersion}/${source.kind}`);
  const kinds = [...new Set([...USUAL_KINDS, ...own])].sort();
  const found: ObjectId[] = [];
  for (const kind of kinds) {
    const slash = kind.lastIndexOf("/");
    try {
      const resource = await client.discovery.find(kind.slice(0, slash), kind.slice(slash + 1));
      if (!resource.namespaced) continue;
      for await (const page of client.list(resource, { namespace, pageSize: PAGE_SIZE, signal })) {
        for (const live of page.items) {
          const id = idOf(live);
          if (!isDeclared(id) && isSomebodys(live) && ownerOf(live, cluster).kind !== "ours") found.push(id);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      const failure = KubeError.from(error);
      if (failure.isServerAway) throw failure;
      // A kind that cannot be listed (not served, not allowed) has nothing to tell.
    }
  }
  return found.sort();
}

/** Made by a person or a tool, not by the cluster itself or for another object. */
function isSomebodys(live: KubeObject): boolean {
  const owners = live.metadata["ownerReferences"];
  if (Array.isArray(owners) && owners.length > 0) return false;
  if (live.kind === "Service" && live.metadata.namespace === "default" && live.metadata.name === "kubernetes")
    return false;
  return !(groupOf(live.apiVersion) === "" && OF_THE_CLUSTER.has(`${live.kind}/${live.metadata.name}`));
}
