import { matchCluster } from "@axle/core/fleet/match-selector.ts";
import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import { LabelSelectorError, parseLabelSelector } from "@axle/core/fleet/parse-label-selector.ts";
import type { ClusterSelector } from "@axle/core/fleet/selector.ts";
import { describeFolder } from "@axle/core/fleet/source-request.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { Sync } from "@axle/core/status/report.ts";
import type { Admission } from "../join/admission.ts";
import { clusterStateOf } from "../join/cluster-state.ts";
import type { ClusterState } from "../join/cluster-state.ts";
import type { Departures } from "../join/departures.ts";
import type { TokenDesk, TokenWish } from "../join/token-desk.ts";
import type { AuditLog } from "../join/ports.ts";
import type { Registration } from "../registry-ports.ts";
import type { ClusterDirectory } from "../sessions/cluster-directory.ts";
import type { FleetView } from "../sessions/fleet-view.ts";
import { CallError } from "./call-error.ts";
import { ClusterCommands } from "./cluster-commands.ts";
import { describeStanding } from "./describe-standing.ts";
import { agentSteps, hubSteps, summarizeCommit, traceIdOf } from "./commit-times.ts";
import { aggregate, composeRow, describeOffline, isApplied, rowsOfCluster } from "./compose-status.ts";
import { pageOf } from "./page.ts";
import type { FleetCommands, FleetReader } from "./ports.ts";
import { syncNow } from "./sync-now.ts";
import type { SyncedCluster, SyncParts, SyncRequest } from "./sync-now.ts";
import type {
  AppOnCluster,
  AppSummary,
  ClusterDeletion,
  ClusterSummary,
  FleetAnswer,
  Paged,
  PageRequest,
  StatusAnswer,
  StatusSubject,
  TargetCluster,
  TimelineAnswer,
} from "./types.ts";

const DEFAULT_APPROVAL_MS = 60 * 60_000;
/** An agent that applied the slice it should have left by, and has not, does not know how. */
const DEAF_AFTER_MS = 60_000;
const LONGEST_APPROVAL_MS = 7 * 24 * 60 * 60_000;

export interface FleetApiOptions {
  readonly reader: FleetReader;
  readonly commands: FleetCommands;
  readonly view: FleetView;
  readonly directory: ClusterDirectory;
  readonly desk: TokenDesk;
  readonly admission: Admission;
  readonly departures: Departures;
  readonly agents: SyncParts["agents"];
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Who calls, for the audit: `admin from 10.0.0.1`. */
export type Actor = string;

/** Every method of FleetService, whatever it is served over. What it cannot do, it throws as {@link CallError}. */
export class FleetApi {
  readonly #options: FleetApiOptions;
  /** How clusters leave, are cut off and come back. */
  readonly clusters: ClusterCommands;

  constructor(options: FleetApiOptions) {
    this.#options = options;
    this.clusters = new ClusterCommands(options);
  }

  listClusters(request: { selector: string; page: PageRequest }): { clusters: readonly ClusterSummary[] } & Paged {
    const clusters = this.#select(request.selector).sort(byName);
    const { items, ...paged } = pageOf(clusters, request.page, ({ name, id }) => `${name}\0${id}`);
    return { clusters: items.map((cluster) => this.#summarizeCluster(cluster)), ...paged };
  }

  listApps(request: { page: PageRequest }): { apps: readonly AppSummary[] } & Paged {
    const records = [...this.#options.reader.apps().values()].sort((a, b) => (a.app < b.app ? -1 : 1));
    const { items, ...paged } = pageOf(records, request.page, (record) => record.app);
    const clusters = this.#activeClusters();
    return { apps: items.map((record) => this.#summarizeApp(record, this.#rowsOfApp(record, clusters))), ...paged };
  }

  getStatus(subject: StatusSubject): StatusAnswer {
    const record = subject.type === "cluster" ? undefined : this.#options.reader.apps().get(subject.name);
    const cluster = subject.type === "app" ? undefined : this.#findCluster(subject.name);
    if (record !== undefined && cluster !== undefined) {
      throw new CallError(
        "failed-precondition",
        `"${subject.name}" is the name of an app and of a cluster; say which one is meant`,
      );
    }
    if (record !== undefined) {
      const rows = this.#rowsOfApp(record, this.#activeClusters());
      return { rows, app: this.#summarizeApp(record, rows), cluster: undefined };
    }
    if (cluster !== undefined) {
      const rows = rowsOfCluster(cluster, this.#options.reader.apps(), this.#options.view.statusOf(cluster.id));
      return { rows, cluster: this.#summarizeCluster(cluster), app: undefined };
    }
    const what = subject.type === "name" ? "app or cluster" : subject.type;
    throw new CallError("not-found", `there is no ${what} named "${subject.name}"`);
  }

  listTargets(request: { selector: string; app: string }): readonly TargetCluster[] {
    const { reader } = this.#options;
    const resolved = reader.resolved();
    if (request.app !== "" && !resolved.has(request.app)) {
      throw new CallError("not-found", `there is no app named "${request.app}" at the accepted commit`);
    }
    const apps =
      request.app === "" ? [...resolved.values()] : [resolved.get(request.app)].filter((one) => one !== undefined);
    return this.#select(request.selector)
      .filter(isActive)
      .sort(byName)
      .map((cluster) => ({
        cluster: cluster.name,
        labels: cluster.labels,
        apps: apps.flatMap(({ app, targets, variants }) => {
          const target = targets.get(cluster.id);
          if (target === undefined) return [];
          const { file, line } = target.placedBy;
          const place = line > 0 ? `${file}:${line}` : file;
          const source = variants.get(target.variant)?.path ?? "";
          return [
            {
              app: app.name,
              because: `${target.because} (${place})`,
              source: source === "" ? "." : describeFolder(source),
            },
          ];
        }),
      }))
      .filter((target) => request.app === "" || target.apps.length > 0);
  }

  async createToken(
    wish: TokenWish,
    actor: Actor,
    signal: AbortSignal,
  ): Promise<{ id: string; token: string; expiresAtMs: number }> {
    const { desk, audit, now } = this.#options;
    const { token, text } = await desk.create(wish, signal);
    const labels = Object.entries(wish.labels).map(([key, value]) => `${key}=${value}`);
    const detail = `for ${wish.name}, labels ${labels.join(",") || "none"}, ${token.usesLeft} uses`;
    await audit.record({ atMs: now(), actor, action: "token.create", subject: token.id, detail }, signal);
    return { id: token.id, token: text, expiresAtMs: token.expiresAtMs };
  }

  async admitCluster(wanted: string, actor: Actor, signal: AbortSignal): Promise<{ id: string; name: string }> {
    const { id, name } = await this.#options.admission.admit(wanted, actor, signal);
    return { id, name };
  }

  /** Agents of clusters that have these apps look again now, and so does the hub at the repository. */
  async syncNow(request: SyncRequest, actor: Actor, signal: AbortSignal): Promise<readonly SyncedCluster[]> {
    const { apps, selector, cluster } = request;
    const picked = this.#select(selector).filter(isActive).sort(byName);
    const clusters = picked.filter(({ id, name }) => cluster === "" || cluster === name || cluster === id);
    if (cluster !== "" && clusters.length === 0) {
      throw new CallError("not-found", `there is no cluster named "${cluster}"`);
    }
    return syncNow(this.#options, { apps, clusters, actor }, signal);
  }

  listPendingDeletions(): readonly ClusterDeletion[] {
    const { view } = this.#options;
    return this.#activeClusters().flatMap(({ id, name: cluster }) =>
      Object.values(view.statusOf(id).apps).flatMap(({ app, pendingDeletion: deletion }) => {
        if (deletion === undefined) return [];
        const approved = this.#isApproved(id, app, deletion.hash);
        return [{ cluster, app, deletion, approved, freshness: view.freshnessOf(id) }];
      }),
    );
  }

  async approveDeletion(
    request: { cluster: string; app: string; hash: string; ttlMs: number },
    actor: Actor,
    signal: AbortSignal,
  ): Promise<{ approvalId: string; expiresAtMs: number }> {
    const { view, commands, now } = this.#options;
    const cluster = this.#findCluster(request.cluster);
    if (cluster === undefined) throw new CallError("not-found", `there is no cluster named "${request.cluster}"`);
    const waiting = view.statusOf(cluster.id).apps[request.app]?.pendingDeletion;
    if (waiting === undefined) {
      throw new CallError("not-found", `no deletion of app "${request.app}" waits in cluster "${cluster.name}"`);
    }
    if (waiting.hash !== request.hash) {
      throw new CallError(
        "failed-precondition",
        `another set of objects waits for deletion now (${waiting.objects.length} objects, hash ${waiting.hash}); look at it, then approve that`,
      );
    }
    if (!Number.isFinite(request.ttlMs) || request.ttlMs < 0 || request.ttlMs > LONGEST_APPROVAL_MS) {
      throw new CallError("invalid-argument", "ttl: an approval holds for at most seven days");
    }
    const expiresAtMs = now() + (request.ttlMs === 0 ? DEFAULT_APPROVAL_MS : request.ttlMs);
    const order = { clusterId: cluster.id, app: request.app, hash: request.hash, expiresAtMs, actor };
    const approval = await commands.approve(order, signal);
    return { approvalId: approval.id, expiresAtMs: approval.expiresAtMs };
  }

  allowRewrite(commit: string, actor: Actor, signal: AbortSignal): Promise<string> {
    return this.#options.commands.allowRewrite({ commit, actor }, signal);
  }

  getFleet(): FleetAnswer {
    const { reader, view } = this.#options;
    const fleet = reader.fleet();
    const { url, branch, lastFetchMs, fetchError } = reader.repository();
    return {
      name: fleet?.name ?? "",
      repository: url,
      branch,
      head: fleet?.head ?? "",
      accepted: fleet?.accepted ?? "",
      problems: fleet?.problems ?? [],
      commits: (fleet?.commits ?? []).map((record) =>
        summarizeCommit(record, reader.publishedBy(record.commit), (id) => view.statusOf(id)),
      ),
      lastFetchMs,
      fetchError,
    };
  }

  getTimeline(request: { commit: string }): TimelineAnswer {
    const { reader, view, directory } = this.#options;
    const commits = reader.fleet()?.commits ?? [];
    const matching = commits.filter((record) => record.commit.startsWith(request.commit));
    const record = matching[0];
    if (record === undefined) {
      throw new CallError(
        "not-found",
        `the hub has no times of commit "${request.commit}"; it keeps those of the last commits`,
      );
    }
    if (request.commit !== "" && matching.length > 1) {
      throw new CallError("invalid-argument", `"${request.commit}" begins more than one commit; give more of it`);
    }
    return {
      commit: record.commit,
      traceId: traceIdOf(reader.repository().url, record.commit),
      hub: hubSteps(record),
      clusters: Object.entries(reader.publishedBy(record.commit))
        .map(([id, number]) => ({
          cluster: directory.get(id)?.name ?? id,
          number,
          steps: agentSteps(number, view.statusOf(id)),
        }))
        .sort((a, b) => (a.cluster < b.cluster ? -1 : 1)),
    };
  }

  /** Registered clusters with what the repository adds; those that wait for a person have only what their token grants. */
  #allClusters(): KnownCluster[] {
    const merged = new Map(this.#options.reader.clusters().map((cluster) => [cluster.id, cluster]));
    return [...this.#options.directory.all()]
      .filter((registration) => registration.forgotten === undefined)
      .map((registration) => {
        const { id, name, labels, facts } = registration;
        return { ...(merged.get(id) ?? { id, name, labels, values: {}, facts }), facts, registration };
      });
  }

  #select(text: string): KnownCluster[] {
    const selector = readSelector(text);
    return this.#allClusters().filter((cluster) => matchCluster(selector, cluster) !== undefined);
  }

  #findCluster(name: string): KnownCluster | undefined {
    const named = this.#allClusters().filter((cluster) => cluster.name === name || cluster.id === name);
    return named.find(isActive) ?? named[0];
  }

  #activeClusters(): readonly KnownCluster[] {
    return this.#allClusters().filter(isActive).sort(byName);
  }

  #rowsOfApp(record: AppRecord, clusters: readonly KnownCluster[]): readonly AppOnCluster[] {
    // One that leaves holds no app up any more.
    const staying = clusters.filter(({ registration }) => registration.leaving === undefined);
    return staying.flatMap((cluster) => {
      const status = this.#options.view.statusOf(cluster.id);
      const isThere = record.targets[cluster.id] !== undefined || status.apps[record.app] !== undefined;
      return isThere ? [composeRow({ app: record.app, cluster, record, status })] : [];
    });
  }

  #summarizeApp(record: AppRecord, rows: readonly AppOnCluster[]): AppSummary {
    const { sync, health, message } = aggregate(rows, (row) => row.cluster);
    const desired = rows.filter((row) => row.desiredRevision > 0);
    return {
      name: record.app,
      revision: record.revision,
      commit: record.commit,
      clusters: desired.length,
      clustersApplied: desired.filter(isApplied).length,
      clustersOffline: desired.filter((row) => !row.freshness.online).length,
      sync,
      health,
      message: record.held === undefined ? message : `held: ${record.held}`,
      declaredIn: record.declaredAt.file,
    };
  }

  #summarizeCluster(cluster: KnownCluster): ClusterSummary {
    const { view, reader } = this.#options;
    const { registration } = cluster;
    const status = view.statusOf(cluster.id);
    const freshness = view.freshnessOf(cluster.id);
    const rows = rowsOfCluster(cluster, reader.apps(), status);
    const { sync, health, message } = aggregate(rows, (row) => row.report.app);
    const state = clusterStateOf(registration);
    const standing = describeStanding(registration, { isDeaf: this.#isDeaf(registration) });
    const isCutOff = registration.state !== "active";
    const refusal = status.refusal === "" ? "" : `refused a slice: ${status.refusal}`;
    const about = refusal || describeOffline(freshness) || message;
    return {
      id: cluster.id,
      name: cluster.name,
      labels: cluster.labels,
      agentVersion: registration.agentVersion,
      facts: cluster.facts,
      freshness,
      expected: reader.expected(cluster.id),
      applied: status.applied,
      sync: SYNC_OF[state] ?? sync,
      health: freshness.online ? (state === "leaving" ? "Progressing" : health) : "Unknown",
      apps: rows.filter((row) => row.desiredRevision > 0).length,
      message: isCutOff ? standing : [standing, about].filter((text) => text !== "").join("; "),
      joinedAtMs: registration.joinedAtMs,
      waitsFor: state === "pending" ? standing : "",
      state,
    };
  }

  /** Its agent goes on as if nobody had told it to leave. */
  #isDeaf({ id, leaving }: Registration): boolean {
    const { view, reader, now } = this.#options;
    const { applied, left } = view.statusOf(id);
    const expected = reader.expected(id);
    if (leaving === undefined || left !== undefined || applied === undefined || expected === undefined) return false;
    return now() - leaving.atMs > DEAF_AFTER_MS && compareNumbers(applied, expected) >= 0;
  }

  #isApproved(clusterId: string, app: string, hash: string): boolean {
    return this.#options.reader.approvals(clusterId).some((approval) => approval.app === app && approval.hash === hash);
  }
}

/** A cluster that is not simply one of the fleet is never shown as applied. */
const SYNC_OF: Readonly<Partial<Record<ClusterState, Sync>>> = {
  leaving: "Applying",
  "on-hold": "Blocked",
  revoked: "Blocked",
};

interface KnownCluster extends FleetCluster {
  readonly registration: Registration;
}

function readSelector(text: string): ClusterSelector {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (!(error instanceof LabelSelectorError)) throw error;
    throw new CallError("invalid-argument", `selector: ${error.message}`, { cause: error });
  }
}

function isActive(cluster: KnownCluster): boolean {
  return cluster.registration.state === "active";
}

function byName(a: KnownCluster, b: KnownCluster): number {
  return a.name === b.name ? (a.id < b.id ? -1 : 1) : a.name < b.name ? -1 : 1;
}
