import { readFile } from "node:fs/promises";
import type { Logger } from "@axle/runtime/logger.ts";
import { runUntilStopped, type SignalSource } from "@axle/runtime/run-until-stopped.ts";
import { type Service, serviceOf } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { AgentConfig } from "../config.ts";
import { restsAfterLeaving } from "../join/departure.ts";
import type { Leadership } from "../adapters/cluster/leader-lease.ts";
import type { Vitals } from "../vitals.ts";
import { openCluster, type OpenCluster, type ProcessView } from "./open-cluster.ts";
import { clearRemains, openWork } from "./open-work.ts";

export interface LeadOptions {
  readonly config: AgentConfig;
  readonly view: ProcessView;
  readonly vitals: Vitals;
  readonly log: Logger;
}

const RESTING = "this cluster has left the fleet: uninstall the agent, or give it a new join token to join again";
const LONG_MS = 3_600_000;
/** The process's signals are heard once, outside. */
const NO_SIGNALS: SignalSource = { on: () => undefined, off: () => undefined, exit: () => undefined };

/** Waits for the cluster's lease and works while it holds it. In a cluster that left its fleet it rests, for ending would only have it started again. */
export function leadCluster(options: LeadOptions): Service {
  const { config, view, log } = options;
  return serviceOf("agent", async (signal) => {
    using cluster = await openCluster(config, view, log);
    await cluster.lease.hold((leadership) => workAsLeader(cluster, leadership, options), signal);
    await rest(signal);
  });
}

/** Until the lease is lost, or the cluster has left the fleet. */
async function workAsLeader(cluster: OpenCluster, leadership: Leadership, options: LeadOptions): Promise<void> {
  const { config, vitals, log } = options;
  const { incarnation, signal } = leadership;
  const token = await readToken(config);
  const left = restsAfterLeaving(await cluster.store.load(signal), token);
  if (left !== undefined) {
    await clearRemains(cluster.client, config, signal);
    log.warn({ cluster: left.name, since: new Date(left.atMs).toISOString() }, RESTING);
    return;
  }
  const work = await openWork({ config, cluster, token, incarnation, log }, signal);
  vitals.begin(work);
  try {
    const over = AbortSignal.any([signal, work.hasLeft]);
    await runUntilStopped(work.groups, { process: NO_SIGNALS, log, signal: over });
  } finally {
    vitals.end();
    await work.cache.settled();
  }
  if (signal.aborted) return;
  await work.depart(signal);
  log.warn(RESTING);
}

async function readToken(config: AgentConfig): Promise<string | undefined> {
  if (config.tokenFile === undefined) return config.token;
  return (await readFile(config.tokenFile, "utf8")).trim();
}

/** A timer keeps the process there: nothing else does. */
async function rest(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await sleep(LONG_MS, signal).catch(() => undefined);
}
