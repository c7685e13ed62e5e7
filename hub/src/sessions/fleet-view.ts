import type { Hello } from "@axle/core/session/messages.ts";
import type { ClusterReport } from "@axle/core/status/report.ts";
import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { CallError } from "../api/call-error.ts";
import { isConflict } from "../join/store-conflict.ts";
import type { ClusterStatus, KeyedStore } from "../registry-ports.ts";
import { applyReport, UNHEARD } from "./apply-report.ts";

export interface FleetViewOptions {
  readonly statuses: KeyedStore<ClusterStatus>;
  readonly now: () => number;
  readonly log: Logger;
  /** Least time between two writes of one cluster's status; reports in between share a write. */
  readonly writeEveryMs?: number;
  /** How old the stored "last heard" may get while a cluster only sends heartbeats. */
  readonly heardEveryMs?: number;
}

/** When the hub last heard a cluster. Offline is never healthy (S8). */
export interface Freshness {
  readonly online: boolean;
  /** Online since, or offline since; 0 when it never connected. */
  readonly sinceMs: number;
  readonly lastHeardMs: number;
}

interface Entry {
  status: ClusterStatus;
  /** Of the stored status; undefined when there is none. */
  revision: number | undefined;
  isDirty: boolean;
  writtenAtMs: number;
  storedHeardAtMs: number;
  waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
  /** The cluster is no cluster of the fleet any more: what is stored of it goes. */
  isForgotten: boolean;
}

/**
 * What is known of every cluster, in memory, kept by the sessions and stored behind them: a report counts as taken in
 * only once it is stored (S10). After a start everybody is offline since it was last heard, until it connects again.
 */
export class FleetView implements Service {
  readonly name = "fleet-view";
  readonly #options: FleetViewOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #writes: KeyedQueue;
  readonly #listeners = new Set<(clusterId: string) => void>();

  constructor(options: FleetViewOptions) {
    this.#options = options;
    this.#writes = new KeyedQueue({
      name: "status-writes",
      work: (clusterId, signal) => this.#write(clusterId, signal),
      log: options.log,
      concurrency: 16,
      backoff: { firstMs: 200, longestMs: 10_000 },
    });
  }

  /** Reads what was stored before. To be called once, before sessions are served. */
  async hydrate(signal: AbortSignal): Promise<void> {
    for (const [clusterId, { value, revision }] of await this.#options.statuses.list(signal)) {
      const wasOnline = value.online;
      const status = { ...value, online: false, sinceMs: wasOnline ? value.heardAtMs : value.sinceMs };
      this.#entries.set(clusterId, {
        status,
        revision,
        isDirty: false,
        writtenAtMs: 0,
        storedHeardAtMs: value.heardAtMs,
        waiting: [],
        isForgotten: false,
      });
    }
  }

  /** Stores what changes, until stopped. */
  run(signal: AbortSignal): Promise<void> {
    return this.#writes.run(signal);
  }

  statusOf(clusterId: string): ClusterStatus {
    return this.#entries.get(clusterId)?.status ?? UNHEARD;
  }

  /** By cluster id: every cluster that was ever heard. */
  statuses(): ReadonlyMap<string, ClusterStatus> {
    return new Map([...this.#entries].map(([id, { status }]) => [id, status]));
  }

  freshnessOf(clusterId: string): Freshness {
    const { online, sinceMs, heardAtMs } = this.statusOf(clusterId);
    return { online, sinceMs, lastHeardMs: heardAtMs };
  }

  /** Told after every change of a cluster's status; returns what ends it. */
  onChange(listener: (clusterId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** An agent said hello. Reports of an older start of it do not count any more. */
  opened(clusterId: string, hello: Hello): void {
    const nowMs = this.#options.now();
    const { status } = this.#entryOf(clusterId);
    const isNewStart = status.incarnation !== hello.incarnation;
    this.#change(clusterId, {
      ...status,
      incarnation: hello.incarnation,
      reportNumber: isNewStart ? 0 : status.reportNumber,
      accepted: hello.accepted ?? status.accepted,
      online: true,
      sinceMs: status.online ? status.sinceMs : nowMs,
      heardAtMs: nowMs,
    });
  }

  heard(clusterId: string): void {
    const entry = this.#entryOf(clusterId);
    const nowMs = this.#options.now();
    entry.status = { ...entry.status, heardAtMs: nowMs };
    if (nowMs - entry.storedHeardAtMs >= (this.#options.heardEveryMs ?? 30_000)) this.#markDirty(clusterId, entry);
  }

  closed(clusterId: string): void {
    const status = this.statusOf(clusterId);
    if (!status.online) return;
    this.#change(clusterId, { ...status, online: false, sinceMs: this.#options.now() });
  }

  /** Takes a report in; resolves once it is stored. Rejects with a CallError when it never will be. */
  record(clusterId: string, report: ClusterReport): Promise<void> {
    const entry = this.#entryOf(clusterId);
    // Who waits stands in line first: the write may begin as soon as something has changed.
    const stored = new Promise<void>((resolve, reject) => entry.waiting.push({ resolve, reject }));
    this.#change(clusterId, { ...applyReport(entry.status, report), heardAtMs: this.#options.now() });
    return stored;
  }

  /** Forgets a cluster that is none any more, and soon what is stored of it. */
  forget(clusterId: string): void {
    const entry = this.#entries.get(clusterId);
    if (entry === undefined) return;
    entry.isForgotten = true;
    this.#markDirty(clusterId, entry);
  }

  #entryOf(clusterId: string): Entry {
    let entry = this.#entries.get(clusterId);
    if (entry === undefined) {
      const fresh = { isDirty: false, writtenAtMs: 0, storedHeardAtMs: 0, waiting: [], isForgotten: false };
      entry = { status: UNHEARD, revision: undefined, ...fresh };
      this.#entries.set(clusterId, entry);
    }
    return entry;
  }

  #change(clusterId: string, status: ClusterStatus): void {
    const entry = this.#entryOf(clusterId);
    entry.status = status;
    this.#markDirty(clusterId, entry);
    for (const listener of this.#listeners) listener(clusterId);
  }

  #markDirty(clusterId: string, entry: Entry): void {
    entry.isDirty = true;
    this.#writes.add(clusterId);
  }

  /** One write of a cluster's status as it stands now, answering everybody whose report is in it. */
  async #write(clusterId: string, signal: AbortSignal): Promise<{ againAfterMs: number } | undefined> {
    const entry = this.#entries.get(clusterId);
    if (entry === undefined || !entry.isDirty) return undefined;
    if (entry.isForgotten) return this.#erase(clusterId, entry, signal);
    const restMs = entry.writtenAtMs + (this.#options.writeEveryMs ?? 50) - this.#options.now();
    if (restMs > 0) return { againAfterMs: restMs };
    const { status } = entry;
    const waiting = entry.waiting.splice(0);
    entry.isDirty = false;
    try {
      entry.revision = await this.#store(clusterId, status, { revision: entry.revision, signal });
    } catch (error) {
      if (isHopeless(error)) {
        for (const waiter of waiting) waiter.reject(CallError.from(error));
        return undefined;
      }
      entry.isDirty = true;
      entry.waiting.unshift(...waiting);
      throw error;
    }
    entry.writtenAtMs = this.#options.now();
    entry.storedHeardAtMs = status.heardAtMs;
    for (const waiter of waiting) waiter.resolve();
    return undefined;
  }

  async #erase(clusterId: string, entry: Entry, signal: AbortSignal): Promise<undefined> {
    await this.#options.statuses.delete(clusterId, signal);
    this.#entries.delete(clusterId);
    for (const waiter of entry.waiting) waiter.resolve();
    for (const listener of this.#listeners) listener(clusterId);
    return undefined;
  }

  /** Compare-and-set; a status that another replica wrote for a later word of the agent stays. */
  async #store(
    clusterId: string,
    status: ClusterStatus,
    at: { revision: number | undefined; signal: AbortSignal },
  ): Promise<number> {
    const { statuses } = this.#options;
    try {
      return at.revision === undefined
        ? await statuses.create(clusterId, status, at.signal)
        : await statuses.update(clusterId, { value: status, revision: at.revision }, at.signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    const stored = await statuses.get(clusterId, at.signal);
    if (stored !== undefined && isLater(stored.value, status)) {
      throw new CallError("aborted", "another replica of the hub serves this agent now");
    }
    return this.#store(clusterId, status, { revision: stored?.revision, signal: at.signal });
  }
}

function isLater(a: ClusterStatus, b: ClusterStatus): boolean {
  return a.incarnation === b.incarnation ? a.reportNumber > b.reportNumber : a.incarnation > b.incarnation;
}

/** Trying again would not help. */
function isHopeless(error: unknown): boolean {
  if (error instanceof CallError) return true;
  return error instanceof Error && "code" in error && error.code === "too-large";
}
