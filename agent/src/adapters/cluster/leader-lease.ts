import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import { type Sleep, sleep as realSleep } from "@axle/runtime/sleep.ts";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { StopError } from "@axle/runtime/stop-error.ts";
import { addressOf, type KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import { AXLE_NAMESPACE, ensureNamespace } from "./own-namespace.ts";

export interface LeaderLeaseOptions {
  readonly client: KubeClient;
  /** Unique for each start of an agent. */
  readonly holder: string;
  /** Whether a holder surely does not live any more, e.g. because its process on this machine is gone. */
  readonly isGone: (holder: string) => boolean;
  readonly log: Logger;
  readonly leaseMs?: number;
  readonly renewMs?: number;
  /** Monotonic. */
  readonly now?: () => number;
  readonly wallNow?: () => number;
  readonly sleep?: Sleep;
}

/** What the holder of the lease works with. */
export interface Leadership {
  /** Greater for every time an agent of this cluster took the lease, whatever the clocks. */
  readonly incarnation: number;
  /** Aborts when the lease may be lost. */
  readonly signal: AbortSignal;
}

const LEASE: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "axle-agent", namespace: AXLE_NAMESPACE },
};
const MANAGER = "axle-agent";
const INCARNATION = "axle.dev/incarnation";

interface Seen {
  readonly resourceVersion: string;
  readonly holder: string;
  readonly incarnation: number;
  readonly transitions: number;
}

/**
 * Lets exactly one agent work in a cluster; others stand by. Whether a holder is alive is told by its lease changing, as seen
 * on our own clock, so clocks that differ do no harm. Every write is conditional on the version that was read.
 */
export class LeaderLease {
  readonly #options: Required<LeaderLeaseOptions>;

  constructor(options: LeaderLeaseOptions) {
    const clocks = { now: () => performance.now(), wallNow: Date.now, sleep: realSleep };
    this.#options = { leaseMs: 6_000, renewMs: 2_000, ...clocks, ...options };
  }

  /** Waits for the lease, works while it is held, and again whenever it was lost. Ends with the signal, or with what `work` throws. */
  async hold(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, sleep, renewMs } = this.#options;
    while (!signal.aborted) {
      const taken = await this.#acquire(signal);
      if (taken === undefined) return;
      log.info({ incarnation: taken.incarnation }, "leading");
      const lost = new AbortController();
      const stop = () => lost.abort(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      try {
        const working = work({ incarnation: taken.incarnation, signal: lost.signal });
        const ended = working.finally(() => lost.abort(new StopError("ended", "the work ended")));
        ended.catch(() => undefined);
        await this.#renewUntilLost(taken, lost);
        await working.catch((error: unknown) => {
          if (!isLoss(lost.signal) && !signal.aborted) throw error;
        });
      } finally {
        signal.removeEventListener("abort", stop);
      }
      if (signal.aborted || !isLoss(lost.signal)) return;
      log.warn("the lease was lost, standing by");
      await sleep(renewMs, signal).catch(() => undefined);
    }
  }

  /** Undefined when stopped before. */
  async #acquire(signal: AbortSignal): Promise<Seen | undefined> {
    const { now, sleep, leaseMs, renewMs, log, isGone } = this.#options;
    const saying = new SayOnce(log);
    let seen: { readonly resourceVersion: string; readonly sinceMs: number } | undefined;
    let waitsFor = "";
    while (!signal.aborted) {
      try {
        const lease = await this.#read(signal);
        saying.recovered("the lease can be read again");
        if (lease.resourceVersion !== seen?.resourceVersion) {
          seen = { resourceVersion: lease.resourceVersion, sinceMs: now() };
        }
        const isFree = lease.holder === "" || isGone(lease.holder) || now() - seen.sinceMs >= leaseMs;
        if (isFree) return await this.#take(lease, signal);
        if (waitsFor !== lease.holder) log.info({ holder: lease.holder }, "another agent leads, standing by");
        waitsFor = lease.holder;
      } catch (error) {
        if (signal.aborted) return undefined;
        if (KubeError.from(error).code !== "conflict") saying.failed(error, "the lease cannot be taken, trying again");
      }
      await sleep(Math.min(renewMs, leaseMs / 6), signal).catch(() => undefined);
    }
    return undefined;
  }

  /** Renews until a renewal is refused or none got through for too long; then aborts `lost`. Gives the lease back when stopped. */
  async #renewUntilLost(taken: Seen, lost: AbortController): Promise<void> {
    const { now, sleep, leaseMs, renewMs, log } = this.#options;
    const saying = new SayOnce(log);
    // Work must have stopped before others may believe the lease is free.
    const deadlineMs = (leaseMs * 2) / 3;
    let held = taken;
    let renewedMs = now();
    while (!lost.signal.aborted) {
      await sleep(renewMs, lost.signal).catch(() => undefined);
      if (lost.signal.aborted) break;
      try {
        const startedMs = now();
        const timeoutMs = Math.max(100, renewedMs + deadlineMs - startedMs);
        const renew = (during: AbortSignal) => this.#renew(held, during);
        held = await withDeadline({ timeoutMs, signal: lost.signal, what: "renew the lease" }, renew);
        renewedMs = startedMs;
        saying.recovered("the lease is renewed again");
      } catch (error) {
        if (lost.signal.aborted) break;
        const isTaken =
          ["conflict", "not-found"].includes(KubeError.from(error).code) &&
          !(await this.#isStillOurs(held, lost.signal));
        saying.failed(error, "the lease cannot be renewed");
        if (isTaken || now() - renewedMs >= deadlineMs) lost.abort(new LeaseLost());
      }
    }
    if (!isLoss(lost.signal)) await this.#release(held);
  }

  /** After a conflict: somebody else may have annotated it only. */
  async #isStillOurs(held: Seen, signal: AbortSignal): Promise<boolean> {
    try {
      const lease = await this.#read(signal);
      return lease.holder === this.#options.holder && lease.incarnation === held.incarnation;
    } catch {
      // Unknown counts as ours until the deadline says otherwise.
      return true;
    }
  }

  async #read(signal: AbortSignal): Promise<Seen> {
    const { client } = this.#options;
    const live = await client.get(addressOf(LEASE), signal);
    return seenIn(live ?? (await this.#create(signal)));
  }

  /** An empty lease: creating it is no claim, so it does not matter who does. */
  async #create(signal: AbortSignal): Promise<KubeObject> {
    const { client } = this.#options;
    try {
      return await client.apply(LEASE, { manager: MANAGER, signal });
    } catch (error) {
      if (KubeError.from(error).code !== "namespace-missing") throw error;
      await ensureNamespace(client, signal);
      return client.apply(LEASE, { manager: MANAGER, signal });
    }
  }

  async #take(lease: Seen, signal: AbortSignal): Promise<Seen> {
    const { holder, leaseMs, wallNow } = this.#options;
    const incarnation = Math.max(lease.incarnation + 1, wallNow());
    const time = microTime(wallNow());
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(leaseMs / 1_000),
      acquireTime: time,
      renewTime: time,
      leaseTransitions: lease.transitions + 1,
    };
    const metadata = { resourceVersion: lease.resourceVersion, annotations: { [INCARNATION]: String(incarnation) } };
    return this.#patch({ metadata, spec }, signal);
  }

  async #renew(held: Seen, signal: AbortSignal): Promise<Seen> {
    const { holder, wallNow } = this.#options;
    const spec = { holderIdentity: holder, renewTime: microTime(wallNow()) };
    try {
      return await this.#patch({ metadata: { resourceVersion: held.resourceVersion }, spec }, signal);
    } catch (error) {
      if (KubeError.from(error).code !== "conflict") throw error;
      const lease = await this.#read(signal);
      if (lease.holder !== holder || lease.incarnation !== held.incarnation) throw error;
      return this.#patch({ metadata: { resourceVersion: lease.resourceVersion }, spec }, signal);
    }
  }

  /** So that the next agent need not wait. Best effort: the lease runs out by itself. */
  async #release(held: Seen): Promise<void> {
    const body = { metadata: { resourceVersion: held.resourceVersion }, spec: { holderIdentity: "" } };
    try {
      await withDeadline({ timeoutMs: 1_000, what: "release the lease" }, (signal) => this.#patch(body, signal));
    } catch (error) {
      this.#options.log.debug({ error }, "the lease could not be released");
    }
  }

  async #patch(body: object, signal: AbortSignal): Promise<Seen> {
    return seenIn(await this.#options.client.mergePatch(addressOf(LEASE), body, { manager: MANAGER, signal }));
  }
}

class LeaseLost extends Error {
  override readonly name = "LeaseLost";

  constructor() {
    super("the lease was lost");
  }
}

function isLoss(signal: AbortSignal): boolean {
  return signal.reason instanceof LeaseLost;
}

function seenIn(lease: KubeObject): Seen {
  const spec: Record<string, unknown> = { ...(lease["spec"] as object | undefined) };
  return {
    resourceVersion: String(lease.metadata["resourceVersion"]),
    holder: String(spec["holderIdentity"] ?? ""),
    incarnation: Number(lease.metadata.annotations?.[INCARNATION] ?? 0) || 0,
    transitions: Number(spec["leaseTransitions"] ?? 0) || 0,
  };
}

/** Kubernetes wants exactly six digits. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
