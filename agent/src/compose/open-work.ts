import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { retryUntilDone } from "@axle/runtime/backoff.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { StopError } from "@axle/runtime/stop-error.ts";
import { describeCluster, readFacts } from "../adapters/cluster/describe-cluster.ts";
import { FactKeeper } from "../adapters/cluster/fact-keeper.ts";
import { DiskCache } from "../adapters/disk/disk-cache.ts";
import { cacheKeyOf } from "../adapters/disk/sealed-file.ts";
import { RegistrationClient } from "../adapters/grpc/registration-client.ts";
import { SessionClient } from "../adapters/grpc/session-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { NatsSliceSource } from "../adapters/nats/nats-slice-source.ts";
import { Agent } from "../agent.ts";
import type { AgentConfig } from "../config.ts";
import { Credentials } from "../join/credentials.ts";
import { depart } from "../join/departure.ts";
import { joinHub } from "../join/join.ts";
import type { HubEndpoint } from "../join/ports.ts";
import { KubeReconciler } from "../reconcile.ts";
import { deleteAgentResource } from "../reconcile/agent-store.ts";
import { ReportBook } from "../report-book.ts";
import { AGENT_VERSION } from "../version.ts";
import type { OpenCluster } from "./open-cluster.ts";

/** Everything the agent that leads works with. */
export interface Work {
  readonly agent: Agent;
  readonly source: NatsSliceSource;
  readonly session: SessionClient;
  readonly book: ReportBook;
  readonly cache: DiskCache;
  /** In the order they are stopped. */
  readonly groups: readonly (readonly Service[])[];
  /** Aborts when the cluster has left the fleet, and the hub knows. */
  readonly hasLeft: AbortSignal;
  /** Then, and when all is stopped: makes the agent one that left. */
  readonly depart: (signal: AbortSignal) => Promise<void>;
}

export interface WorkOptions {
  readonly config: AgentConfig;
  readonly cluster: OpenCluster;
  readonly token: string | undefined;
  /** Greater for every start of an agent in this cluster. */
  readonly incarnation: number;
  readonly log: Logger;
}

const CACHE_FOLDER = "cache";
const PACKS_AT_ONCE = 4;
const FIRST_RETRY_MS = 1_000;

/** Joins the fleet if that is still to do, and puts the parts together. Throws JoinError when the hub says no. */
export async function openWork(options: WorkOptions, signal: AbortSignal): Promise<Work> {
  const { config, cluster, incarnation, token, log } = options;
  const { client, store } = cluster;
  const connect = (endpoint: HubEndpoint) => new RegistrationClient(endpoint);
  const identity = await joinHub(
    {
      store,
      token,
      name: config.name,
      agentVersion: AGENT_VERSION,
      connect,
      describeCluster: (during) => describeCluster(client, during),
      log,
    },
    signal,
  );
  const { clusterId, name, nats: access } = identity.registered;
  const named = log.child({ cluster: name });

  const maxPackBytes = config.maxPackBytes;
  const source = new NatsSliceSource({ cluster: clusterId, access, log: named, maxPackBytes });
  const credentials = new Credentials(identity, {
    store,
    connect,
    onNatsAccess: (renewed) => source.renew(renewed),
    log: named,
  });
  const cache = new DiskCache({
    folder: join(config.data, CACHE_FOLDER),
    key: cacheKeyOf(identity.keyPem),
    maxBytes: config.maxCacheBytes,
    log: named,
  });
  const facts = new FactKeeper({
    first: await retryUntilDone((during) => readFacts(client, during), { signal, log: named, what: "read facts" }),
    read: (before, during) => readFacts(client, during, before),
    log: named,
  });
  const over = new AbortController();
  const book: ReportBook = new ReportBook(() => session.changed());
  const reconciler = new KubeReconciler({
    client,
    cluster: clusterId,
    events: book,
    hubNow: () => session.hubNowMs(),
    guardrails: guardrailsOf(config),
    account: config.impersonateDefault === "" ? undefined : config.impersonateDefault,
    onPassWanted: (app) => agent.syncNow([app]),
    log: named,
  });
  const agent: Agent = new Agent({
    cluster: clusterId,
    source,
    cache,
    reconciler,
    book,
    keySet: () => credentials.keySet,
    sealPrivateKey: Buffer.from(identity.sealPrivateKey, "base64"),
    times: { rereadMs: config.rereadMs, verifyMs: config.verifyMs, retryMs: FIRST_RETRY_MS },
    limits: { maxSliceBytes: config.maxSliceBytes, maxPackBytes, packConcurrency: PACKS_AT_ONCE },
    onVerify: (during) => facts.refresh(during),
    log: named,
  });
  const session: SessionClient = new SessionClient({
    credentials,
    book,
    agentVersion: AGENT_VERSION,
    incarnation,
    accepted: () => agent.accepted,
    facts: () => facts.facts,
    instance: randomUUID(),
    isSure: () => cluster.lease.isSure,
    handlers: {
      expect: (number) => agent.expect(number),
      syncNow: (apps) => agent.syncNow(apps),
      // The hub's last word to one that left. Before it the order may still be taken back, heard or not.
      refused: () => {
        if (book.hasLeft) over.abort(new StopError("ended", "the cluster has left the fleet"));
      },
    },
    log: named,
  });
  const groups = [[agent], [session, source]];
  const clear = (during: AbortSignal) => clearRemains(client, config, during);
  const departing = { store, token, clear, log: named };
  return {
    agent,
    source,
    session,
    book,
    cache,
    groups,
    hasLeft: over.signal,
    depart: async (during) => {
      await Promise.all([credentials.settled(), cache.settled()]);
      await depart(credentials.identity, departing, during);
    },
  };
}

/** What an agent that left keeps of its work: its own custom resource, and what is cached on the disk. */
export async function clearRemains(client: KubeClient, config: AgentConfig, signal: AbortSignal): Promise<void> {
  await deleteAgentResource(client, signal);
  await rm(join(config.data, CACHE_FOLDER), { recursive: true, force: true });
}

/** What the cluster's owner set; nothing that comes from the hub changes it. */
function guardrailsOf(config: AgentConfig): Guardrails {
  const { deniedKinds, deniedNamespaces, allowedNamespaces, deletionBudget } = config;
  const words = (list: string) => list.split(",").flatMap((word) => word.trim() || []);
  return {
    deniedKinds: words(deniedKinds),
    deniedNamespaces: words(deniedNamespaces),
    allowedNamespaces: words(allowedNamespaces),
    deletionsPerHour: deletionBudget,
  };
}
