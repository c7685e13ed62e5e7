import { withDeadline } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import { type Sleep, sleep as realSleep } from "@axle/runtime/sleep.ts";
import { StopError } from "@axle/runtime/stop-error.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import { LeaseLost, LeaseRecord, type LeaseState } from "./lease-record.ts";

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
  /** Aborts when the lease is another's. */
  readonly signal: AbortSignal;
}

/**
 * Lets exactly one agent work in a cluster; others stand by. Whether a holder is alive is told by its lease changing, as seen
 * on our own clock, so clocks that differ do no harm. While the API server is away the holder goes on, for the hub should
 * hear of it; only its writes wait ({@link isSure}), because somebody may have taken over when the server is back.
 */
export class LeaderLease {
  readonly #options: Required<LeaderLeaseOptions>;
  readonly #record: LeaseRecord;
  #sureUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderLeaseOptions) {
    const clocks = { now: () => performance.now(), wallNow: Date.now, sleep: realSleep };
    this.#options = { leaseMs: 6_000, renewMs: 2_000, ...clocks, ...options };
    this.#record = new LeaseRecord(this.#options);
  }

  /** Nobody else can have the lease yet: asked before each write, so a process that was paused does not write late. */
  get isSure(): boolean {
    return this.#options.now() < this.#sureUntilMs;
  }

  /** Waits for the lease, works while it is held, and again whenever it was lost. Ends with the signal, or as `work` does. */
  async hold(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    while (!signal.aborted) {
      const taken = await this.#acquire(signal);
      if (taken === undefined) return;
      this.#sureFrom(taken.sinceMs);
      log.info({ incarnation: taken.incarnation }, "leading");
      const wasLost = await this.#workWhile(taken, work, signal);
      this.#sureUntilMs = Number.NEGATIVE_INFINITY;
      if (!wasLost) return;
      log.warn("the lease was lost, standing by");
    }
  }

  /** True when the lease was lost, false when the work ended or was stopped. */
  async #workWhile(
    taken: LeaseState,
    work: (leadership: Leadership) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const over = new AbortController();
    const stop = () => over.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    const renewing = this.#renewUntilOver(taken, over);
    try {
      await work({ incarnation: taken.incarnation, signal: over.signal });
    } catch (error) {
      if (!isLoss(over.signal)) throw error;
    } finally {
      over.abort(new StopError("ended", "the work ended"));
      signal.removeEventListener("abort", stop);
      await renewing;
    }
    return isLoss(over.signal);
  }

  /** Undefined when stopped before. */
  async #acquire(signal: AbortSignal): Promise<(LeaseState & { readonly sinceMs: number }) | undefined> {
    const { now, leaseMs, renewMs, log, isGone } = this.#options;
    const saying = new SayOnce(log);
    let seen: { readonly resourceVersion: string; readonly sinceMs: number } | undefined;
    let waitsFor = "";
    while (!signal.aborted) {
      try {
        const lease = await this.#record.read(signal);
        saying.recovered("the lease can be read again");
        if (lease.resourceVersion !== seen?.resourceVersion) {
          seen = { resourceVersion: lease.resourceVersion, sinceMs: now() };
        }
        const isFree = lease.holder === "" || isGone(lease.holder) || now() - seen.sinceMs >= leaseMs;
        const sinceMs = now();
        if (isFree) return { ...(await this.#record.take(lease, signal)), sinceMs };
        if (waitsFor !== lease.holder) log.info({ holder: lease.holder }, "another agent leads, standing by");
        waitsFor = lease.holder;
      } catch (error) {
        if (signal.aborted) return undefined;
        if (KubeError.from(error).code !== "conflict") saying.failed(error, "the lease cannot be taken, trying again");
      }
      await this.#pause(renewMs / 2, signal);
    }
    return undefined;
  }

  /** Renews until `over`; aborts it when the lease is another's. Then gives it back, if it is still ours. */
  async #renewUntilOver(taken: LeaseState, over: AbortController): Promise<void> {
    const { now, leaseMs, renewMs, log } = this.#options;
    const saying = new SayOnce(log);
    let held = taken;
    for (await this.#pause(renewMs, over.signal); !over.signal.aborted; await this.#pause(renewMs, over.signal)) {
      const startedMs = now();
      try {
        const renew = (during: AbortSignal) => this.#record.renew(held, during);
        held = await withDeadline({ timeoutMs: leaseMs, signal: over.signal, what: "renew the lease" }, renew);
        this.#sureFrom(startedMs);
        saying.recovered("the lease is renewed again");
      } catch (error) {
        if (over.signal.aborted) break;
        if (error instanceof LeaseLost) over.abort(error);
        else saying.failed(error, "the lease cannot be renewed, nothing is written until it is");
      }
    }
    if (!isLoss(over.signal)) await this.#release(held);
  }

  /** Some time before the lease runs out for others, for what is on its way then. */
  #sureFrom(renewedMs: number): void {
    this.#sureUntilMs = renewedMs + (this.#options.leaseMs * 2) / 3;
  }

  /** So that the next agent need not wait. Best effort: the lease runs out by itself. */
  async #release(held: LeaseState): Promise<void> {
    try {
      await withDeadline({ timeoutMs: 1_000, what: "release the lease" }, (signal) =>
        this.#record.release(held, signal),
      );
    } catch (error) {
      this.#options.log.debug({ error }, "the lease could not be released");
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.sleep(ms, signal);
    } catch {
      // Only the signal ends a pause early, and every loop looks at it.
    }
  }
}

function isLoss(signal: AbortSignal): boolean {
  return signal.reason instanceof LeaseLost;
}
