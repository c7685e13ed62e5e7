import { randomUUID } from "node:crypto";
import { describeError } from "@axle/runtime/describe-error.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { HubConnection } from "./hub-connection.ts";
import { leaseMessage, parseLease } from "./lease-record.ts";
import { Leadership } from "./leadership.ts";
import { publishMessage } from "./publish.ts";
import { readNewest } from "./read-messages.ts";
import { StoreError } from "./store-error.ts";
import { LEASE_SUBJECT, STATE_STREAM } from "./subjects.ts";

export interface LeadOptions {
  readonly connection: HubConnection;
  readonly log: Logger;
  /** For people: host and process. */
  readonly holder: string;
  /** Id of the hub's data folder: whoever runs on the same data takes over at once (see folder-lock). */
  readonly instance: string;
  readonly ttlMs?: number;
  readonly renewMs?: number;
}

const TTL_MS = 6_000;
const RENEW_MS = 2_000;

/**
 * Waits until this process is the leader and runs `work` with its leadership, again after every loss, until the signal
 * aborts. `work` gets a signal that aborts when the lease is lost too; it may end with that reason. The lease is given
 * up when `work` ends. Rejects when `work` fails of anything but a lost lease.
 */
export async function leadUntilStopped(
  options: LeadOptions & { readonly signal: AbortSignal },
  work: (leadership: Leadership, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { signal, log } = options;
  let mayTakeOver = true;
  while (!signal.aborted) {
    const leadership = await acquire({ ...options, mayTakeOver }, signal);
    // Once is for the restart; two processes on the same data by mistake must not take the lease from each other in turn.
    mayTakeOver = false;
    log.info({ sequence: leadership.sequence }, "leading");
    const term = new AbortController();
    const onStop = () => term.abort(signal.reason);
    const onLoss = () => term.abort(leadership.lost.reason);
    signal.addEventListener("abort", onStop, { once: true });
    leadership.lost.addEventListener("abort", onLoss, { once: true });
    if (signal.aborted) onStop();
    const renewing = renewUntil(leadership, options, term.signal);
    try {
      await work(leadership, term.signal);
    } catch (error) {
      if (!leadership.lost.aborted && !signal.aborted) throw error;
      log.info({ reason: describeError(term.signal.reason) }, "leading no more");
    } finally {
      signal.removeEventListener("abort", onStop);
      term.abort(new StoreError("lease-lost", "the leader's work ended"));
      await renewing;
      await stepDown(leadership, log);
    }
  }
}

/**
 * Waits for the lease to be free or expired and takes it; at once when it is this instance's own from before and
 * `mayTakeOver`. Expiry is judged by our own clock alone: the lease's message did not change for `ttlMs`.
 */
export async function acquire(
  options: LeadOptions & { readonly mayTakeOver?: boolean },
  signal: AbortSignal,
): Promise<Leadership> {
  const { connection, holder, instance, ttlMs = TTL_MS, renewMs = RENEW_MS, mayTakeOver = true } = options;
  const record = { holder, instance, term: randomUUID(), isReleased: false };
  const saying = new SayOnce(options.log);
  let seen = { sequence: -1, sinceMs: 0 };
  while (true) {
    signal.throwIfAborted();
    try {
      const found = await readNewest(connection, { stream: STATE_STREAM, subject: LEASE_SUBJECT }, signal);
      const current = found === undefined ? undefined : parseLease(found.data);
      const sequence = found?.sequence ?? 0;
      if (seen.sequence !== sequence) seen = { sequence, sinceMs: performance.now() };
      const isFree = current === undefined || current.isReleased || (mayTakeOver && current.instance === instance);
      if (isFree || performance.now() - seen.sinceMs >= ttlMs) {
        const expect = { subject: LEASE_SUBJECT, sequence };
        const taken = await publishMessage(connection, leaseMessage(record), { expect, signal });
        saying.recovered("lease read again");
        return new Leadership(connection, record, taken);
      }
      saying.recovered("lease read again");
    } catch (error) {
      if (signal.aborted) throw error;
      // A conflict is another candidate who was first.
      if (!(error instanceof StoreError && error.code === "conflict")) saying.failed(error, "lease cannot be read");
    }
    await sleep(Math.min(renewMs, ttlMs / 4), signal);
  }
}

async function renewUntil(leadership: Leadership, options: LeadOptions, signal: AbortSignal): Promise<void> {
  const saying = new SayOnce(options.log);
  while (!signal.aborted) {
    try {
      await sleep(options.renewMs ?? RENEW_MS, signal);
      await leadership.renew(signal);
      saying.recovered("lease renewed again");
    } catch (error) {
      if (!signal.aborted) saying.failed(error, "lease was not renewed");
    }
  }
}

async function stepDown(leadership: Leadership, log: Logger): Promise<void> {
  try {
    await leadership.release(AbortSignal.timeout(2_000));
  } catch (error) {
    log.debug({ error }, "lease was not released");
  }
}
