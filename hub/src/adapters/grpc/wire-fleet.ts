/** FleetService on the wire: its methods as a table, for gRPC and for HTTP/JSON alike. */
import type { Problem } from "@axle/core/fleet/problem.ts";
import * as fleet from "@axle/proto/axle/v1/fleet.ts";
import type { Actor, FleetApi } from "../../api/fleet-api.ts";
import { CallError } from "../../api/call-error.ts";
import type { AppOnCluster, AppSummary, ClusterSummary, PageRequest, Step, StatusSubject } from "../../api/types.ts";
import type { Freshness } from "../../sessions/fleet-view.ts";
import { toAppReport, toFacts, toHealth, toSliceNumber, toSync, toTime } from "./wire.ts";

export { FleetServiceService } from "@axle/proto/axle/v1/fleet.ts";
export type { FleetServiceServer } from "@axle/proto/axle/v1/fleet.ts";

export interface CallContext {
  readonly api: FleetApi;
  readonly actor: Actor;
  readonly signal: AbortSignal;
}

/** Every method, wire to wire. Throws CallError. */
export const FLEET_CALLS = {
  listClusters: ({ selector, page }, { api }) => {
    const { clusters, nextPageToken, total } = api.listClusters({ selector, page: fromPage(page) });
    return { clusters: clusters.map(toCluster), nextPageToken, total };
  },
  listApps: ({ page }, { api }) => {
    const { apps, nextPageToken, total } = api.listApps({ page: fromPage(page) });
    return { apps: apps.map(toApp), nextPageToken, total };
  },
  getStatus: ({ subject }, { api }) => {
    const { rows, cluster, app } = api.getStatus(fromSubject(subject));
    return { rows: rows.map(toRow), cluster: cluster && toCluster(cluster), app: app && toApp(app) };
  },
  listTargets: (request, { api }) => ({
    targets: api.listTargets(request).map(({ cluster, labels, apps }) => ({
      cluster,
      labels: { ...labels },
      apps: [...apps],
    })),
  }),
  createToken: async ({ labels, name, uses, ttlSeconds, manualApproval }, { api, actor, signal }) => {
    const wish = { labels, name, uses, ttlMs: ttlSeconds * 1_000, manualApproval };
    const { id, token, expiresAtMs } = await api.createToken(wish, actor, signal);
    return { id, token, expiresAtMs: toTime(expiresAtMs) };
  },
  admitCluster: ({ cluster }, { api, actor, signal }) => api.admitCluster(cluster, actor, signal),
  forgetCluster: async ({ cluster, mode, now, ttlSeconds }, { api, actor, signal }) => {
    const wish = { cluster, mode, now, ttlMs: ttlSeconds * 1_000 };
    const { freshness, expiresAtMs, ...rest } = await api.clusters.forget(wish, actor, signal);
    return { ...rest, freshness: toFreshness(freshness), expiresAtMs: toTime(expiresAtMs) };
  },
  cancelForgetCluster: ({ cluster }, { api, actor, signal }) => api.clusters.cancelForget(cluster, actor, signal),
  revokeCluster: ({ cluster }, { api, actor, signal }) => api.clusters.revoke(cluster, actor, signal),
  resumeCluster: ({ cluster }, { api, actor, signal }) => api.clusters.resume(cluster, actor, signal),
  syncNow: async (request, { api, actor, signal }) => ({
    clusters: (await api.syncNow(request, actor, signal)).map(({ freshness, ...rest }) => ({
      ...rest,
      freshness: toFreshness(freshness),
    })),
  }),
  listPendingDeletions: (_request, { api }) => ({
    deletions: api.listPendingDeletions().map(({ deletion, freshness, ...rest }) => ({
      ...rest,
      deletion: { ...deletion, objects: [...deletion.objects] },
      freshness: toFreshness(freshness),
    })),
  }),
  approveDeletion: async ({ cluster, app, hash, ttlSeconds }, { api, actor, signal }) => {
    const request = { cluster, app, hash, ttlMs: ttlSeconds * 1_000 };
    const { approvalId, expiresAtMs } = await api.approveDeletion(request, actor, signal);
    return { approvalId, expiresAtMs: toTime(expiresAtMs) };
  },
  allowRewrite: async ({ commit }, { api, actor, signal }) => ({
    commit: await api.allowRewrite(commit, actor, signal),
  }),
  getFleet: (_request, { api }) => {
    const { problems, commits, lastFetchMs, ...rest } = api.getFleet();
    return {
      ...rest,
      problems: problems.map(toProblem),
      commits: commits.map(({ seenAtMs, publishedAtMs, ...commit }) => ({
        ...commit,
        seenAtMs: toTime(seenAtMs),
        publishedAtMs: toTime(publishedAtMs),
      })),
      lastFetchMs: toTime(lastFetchMs),
    };
  },
  getTimeline: (request, { api }) => {
    const { hub, clusters, ...rest } = api.getTimeline(request);
    return {
      ...rest,
      hub: hub.map(toStep),
      clusters: clusters.map(({ cluster, number, steps }) => ({
        cluster,
        number: toSliceNumber(number),
        steps: steps.map(toStep),
      })),
    };
  },
} satisfies FleetCalls;

interface FleetCalls {
  listClusters: Call<fleet.ListClustersRequest, fleet.ListClustersResponse>;
  listApps: Call<fleet.ListAppsRequest, fleet.ListAppsResponse>;
  getStatus: Call<fleet.GetStatusRequest, fleet.GetStatusResponse>;
  listTargets: Call<fleet.ListTargetsRequest, fleet.ListTargetsResponse>;
  createToken: Call<fleet.CreateTokenRequest, fleet.CreateTokenResponse>;
  admitCluster: Call<fleet.AdmitClusterRequest, fleet.AdmitClusterResponse>;
  forgetCluster: Call<fleet.ForgetClusterRequest, fleet.ForgetClusterResponse>;
  cancelForgetCluster: Call<fleet.CancelForgetClusterRequest, fleet.CancelForgetClusterResponse>;
  revokeCluster: Call<fleet.RevokeClusterRequest, fleet.RevokeClusterResponse>;
  resumeCluster: Call<fleet.ResumeClusterRequest, fleet.ResumeClusterResponse>;
  syncNow: Call<fleet.SyncNowRequest, fleet.SyncNowResponse>;
  listPendingDeletions: Call<fleet.ListPendingDeletionsRequest, fleet.ListPendingDeletionsResponse>;
  approveDeletion: Call<fleet.ApproveDeletionRequest, fleet.ApproveDeletionResponse>;
  allowRewrite: Call<fleet.AllowRewriteRequest, fleet.AllowRewriteResponse>;
  getFleet: Call<fleet.GetFleetRequest, fleet.GetFleetResponse>;
  getTimeline: Call<fleet.GetTimelineRequest, fleet.GetTimelineResponse>;
}

type Call<Request, Response> = (request: Request, context: CallContext) => Response | Promise<Response>;

/** The methods with the request and the response as JSON, by the name in the path: `ListClusters`. */
export const FLEET_JSON_CALLS: ReadonlyMap<string, (request: unknown, context: CallContext) => Promise<unknown>> =
  new Map([
    jsonCall("ListClusters", fleet.ListClustersRequest, fleet.ListClustersResponse, FLEET_CALLS.listClusters),
    jsonCall("ListApps", fleet.ListAppsRequest, fleet.ListAppsResponse, FLEET_CALLS.listApps),
    jsonCall("GetStatus", fleet.GetStatusRequest, fleet.GetStatusResponse, FLEET_CALLS.getStatus),
    jsonCall("ListTargets", fleet.ListTargetsRequest, fleet.ListTargetsResponse, FLEET_CALLS.listTargets),
    jsonCall("CreateToken", fleet.CreateTokenRequest, fleet.CreateTokenResponse, FLEET_CALLS.createToken),
    jsonCall("AdmitCluster", fleet.AdmitClusterRequest, fleet.AdmitClusterResponse, FLEET_CALLS.admitCluster),
    jsonCall("ForgetCluster", fleet.ForgetClusterRequest, fleet.ForgetClusterResponse, FLEET_CALLS.forgetCluster),
    jsonCall(
      "CancelForgetCluster",
      fleet.CancelForgetClusterRequest,
      fleet.CancelForgetClusterResponse,
      FLEET_CALLS.cancelForgetCluster,
    ),
    jsonCall("RevokeCluster", fleet.RevokeClusterRequest, fleet.RevokeClusterResponse, FLEET_CALLS.revokeCluster),
    jsonCall("ResumeCluster", fleet.ResumeClusterRequest, fleet.ResumeClusterResponse, FLEET_CALLS.resumeCluster),
    jsonCall("SyncNow", fleet.SyncNowRequest, fleet.SyncNowResponse, FLEET_CALLS.syncNow),
    jsonCall(
      "ListPendingDeletions",
      fleet.ListPendingDeletionsRequest,
      fleet.ListPendingDeletionsResponse,
      FLEET_CALLS.listPendingDeletions,
    ),
    jsonCall(
      "ApproveDeletion",
      fleet.ApproveDeletionRequest,
      fleet.ApproveDeletionResponse,
      FLEET_CALLS.approveDeletion,
    ),
    jsonCall("AllowRewrite", fleet.AllowRewriteRequest, fleet.AllowRewriteResponse, FLEET_CALLS.allowRewrite),
    jsonCall("GetFleet", fleet.GetFleetRequest, fleet.GetFleetResponse, FLEET_CALLS.getFleet),
    jsonCall("GetTimeline", fleet.GetTimelineRequest, fleet.GetTimelineResponse, FLEET_CALLS.getTimeline),
  ]);

interface Json<Message> {
  fromJSON(value: unknown): Message;
  toJSON(message: Message): unknown;
}

function jsonCall<Request, Response>(
  name: string,
  requests: Json<Request>,
  responses: Json<Response>,
  call: Call<Request, Response>,
): [string, (request: unknown, context: CallContext) => Promise<unknown>] {
  const run = async (value: unknown, context: CallContext) => {
    let request: Request;
    try {
      request = requests.fromJSON(value);
    } catch (error) {
      throw new CallError("invalid-argument", `the request is not one of ${name}`, { cause: error });
    }
    return responses.toJSON(await call(request, context));
  };
  return [name, run];
}

function fromPage(page: fleet.Page | undefined): PageRequest {
  return page ?? { size: 0, token: "" };
}

function fromSubject(subject: fleet.GetStatusRequest["subject"]): StatusSubject {
  if (subject === undefined) throw new CallError("invalid-argument", "say of which app or cluster");
  return { type: subject.$case, name: subject.value };
}

function toCluster(cluster: ClusterSummary): fleet.Cluster {
  const { labels, facts, freshness, expected, applied, sync, health, joinedAtMs, ...rest } = cluster;
  return {
    ...rest,
    labels: { ...labels },
    facts: toFacts(facts),
    freshness: toFreshness(freshness),
    expected: toSliceNumber(expected),
    applied: toSliceNumber(applied),
    sync: toSync(sync),
    health: toHealth(health),
    joinedAtMs: toTime(joinedAtMs),
  };
}

function toApp(app: AppSummary): fleet.App {
  const { revision, sync, health, ...rest } = app;
  return { ...rest, revision: BigInt(revision), sync: toSync(sync), health: toHealth(health) };
}

function toRow(row: AppOnCluster): fleet.AppOnCluster {
  const { report, freshness, desiredRevision, ...rest } = row;
  return {
    ...rest,
    report: toAppReport(report),
    freshness: toFreshness(freshness),
    desiredRevision: BigInt(desiredRevision),
  };
}

function toFreshness({ online, sinceMs, lastHeardMs }: Freshness): fleet.Freshness {
  return { online, sinceMs: toTime(sinceMs), lastHeardMs: toTime(lastHeardMs) };
}

function toStep({ name, atMs }: Step): { name: string; atMs: bigint } {
  return { name, atMs: toTime(atMs) };
}

function toProblem(problem: Problem): fleet.Problem {
  const { severity, code, message, place, field = "", app = "", cluster = "" } = problem;
  const { file = "", line = 0, column = 0 } = place ?? {};
  return { severity, code, message, file, line, column, field, app, cluster };
}
