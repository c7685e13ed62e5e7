import { createHash } from "node:crypto";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { AppReport, Drift } from "@axle/core/status/report.ts";
import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { describeId } from "./app-board.ts";
import { AXLE_API_VERSION, AXLE_NAMESPACE } from "./axle-crds.ts";
import type { InventoryStore } from "./inventory-store.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";

export interface EventWriterOptions {
  readonly client: KubeClient;
  readonly inventories: InventoryStore;
  readonly log: Logger;
  readonly now: () => number;
}

interface Happening {
  readonly type: "Normal" | "Warning";
  readonly reason: "Applied" | "Failed" | "Blocked" | "DeletionWaits" | "DriftCorrected" | "DriftFight";
  readonly message: string;
}

interface Written extends Happening {
  readonly app: string;
  count: number;
  firstAtMs: number;
  lastAtMs: number;
  /** Looked up whether it was written before this start. */
  isLookedUp: boolean;
  /** It may be what stood already before this start, and then is no news. */
  readonly mayStand: boolean;
}

/** The server takes no longer ones. */
const LONGEST_MESSAGE = 1_000;
/** So many at once, then one each {@link REFILL_MS}: an app that fails all day must not fill the cluster's store. */
const BURST = 10;
const REFILL_MS = 60_000;
/** Happenings remembered, so that one that comes again is counted and not written anew. */
const MOST_REMEMBERED = 500;

/**
 * Says what happens to an app as Kubernetes Events on its inventory, for people with `kubectl describe`. What stands since before a
 * restart is told once. Best effort: an Event that cannot be written is dropped.
 */
export class EventWriter {
  readonly #options: EventWriterOptions;
  readonly #queue: KeyedQueue;
  readonly #last = new Map<string, AppReport>();
  readonly #written = new Map<string, Written>();
  /** Were as they should be since the start. */
  readonly #wereWell = new Set<string>();
  readonly #allowance = new Map<string, { left: number; atMs: number }>();

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue({
      name: "events",
      log: options.log,
      work: (name, signal) => this.#write(name, signal),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  app(report: AppReport): void {
    const before = this.#last.get(report.app);
    this.#last.set(report.app, report);
    for (const happening of happeningsBetween(before, report)) this.#happened(report.app, happening);
    if (report.sync === "Applied") this.#wereWell.add(report.app);
  }

  appGone(app: string): void {
    this.#last.delete(app);
    this.#wereWell.delete(app);
    this.#allowance.delete(app);
  }

  #happened(app: string, happening: Happening): void {
    if (!this.#isAllowed(app)) return;
    const nowMs = this.#options.now();
    const name = nameOf(app, happening);
    const mayStand = happening.reason === "DeletionWaits" || !this.#wereWell.has(app);
    const first = { count: 0, firstAtMs: nowMs, lastAtMs: nowMs, isLookedUp: false, mayStand };
    const written: Written = this.#written.get(name) ?? { ...happening, app, ...first };
    written.count += 1;
    written.lastAtMs = nowMs;
    this.#written.delete(name);
    this.#written.set(name, written);
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= MOST_REMEMBERED) break;
      this.#written.delete(oldest);
    }
    this.#queue.add(name);
  }

  #isAllowed(app: string): boolean {
    const nowMs = this.#options.now();
    const { left, atMs } = this.#allowance.get(app) ?? { left: BURST, atMs: nowMs };
    const refilled = Math.min(BURST, left + (nowMs - atMs) / REFILL_MS);
    this.#allowance.set(app, { left: refilled >= 1 ? refilled - 1 : refilled, atMs: nowMs });
    return refilled >= 1;
  }

  async #write(name: string, signal: AbortSignal): Promise<void> {
    const { client, inventories, log } = this.#options;
    const written = this.#written.get(name);
    if (written === undefined) return;
    try {
      if (await this.#stood(name, written, signal)) return;
      await client.apply(toEvent(name, written, inventories.uidOf(written.app)), { manager: FIELD_MANAGER, signal });
    } catch (error) {
      signal.throwIfAborted();
      log.debug({ app: written.app, reason: written.reason, error }, "event not written");
    }
  }

  /** Whether it is told already and nothing new; else counts on from what was told. */
  async #stood(name: string, written: Written, signal: AbortSignal): Promise<boolean> {
    if (written.isLookedUp) return false;
    const address = { apiVersion: "v1", kind: "Event", namespace: AXLE_NAMESPACE, name };
    const before = seenBefore(await this.#options.client.get(address, signal));
    written.isLookedUp = true;
    if (before === undefined) return false;
    const isStanding = written.mayStand && written.count === 1;
    written.count = isStanding ? before.count : before.count + written.count;
    written.firstAtMs = before.firstAtMs;
    return isStanding;
  }
}

/** How often the Event was seen, and when first; undefined when it is not there (any more: they do not live long). */
function seenBefore(event: KubeObject | undefined): { readonly count: number; readonly firstAtMs: number } | undefined {
  const { count, firstTimestamp } = { ...event } as { readonly count?: unknown; readonly firstTimestamp?: unknown };
  const firstAtMs = Date.parse(String(firstTimestamp));
  return typeof count === "number" && Number.isFinite(firstAtMs) ? { count, firstAtMs } : undefined;
}

/** What a person would want to be told of, from one report of an app to the next. */
export function happeningsBetween(before: AppReport | undefined, after: AppReport): readonly Happening[] {
  const { sync, message, revision, commit, objects, pendingDeletion } = after;
  const found: Happening[] = [];
  const isNew = before?.sync !== sync || before.message !== message;
  if (sync === "Applied" && before !== undefined && before.sync !== "Applied" && before.sync !== "Pending") {
    const what = `revision ${revision} of commit ${commit.slice(0, 12)}`;
    found.push({ type: "Normal", reason: "Applied", message: `${what} applied, ${objects} objects` });
  }
  if ((sync === "Failed" || sync === "Blocked") && isNew) {
    found.push({ type: "Warning", reason: sync, message: `revision ${revision}: ${message}` });
  }
  if (pendingDeletion !== undefined && pendingDeletion.hash !== before?.pendingDeletion?.hash) {
    const count = pendingDeletion.objects.length;
    const text = `${count} deletions wait for a person: ${pendingDeletion.reason} (axle approve ${after.app})`;
    found.push({ type: "Warning", reason: "DeletionWaits", message: text });
  }
  const known = new Set(before?.drifts.map(keyOf));
  for (const drift of after.drifts) {
    if (known.has(keyOf(drift)) || drift.action === "reported") continue;
    const who = drift.manager === "" ? "somebody" : drift.manager;
    const where = drift.paths.length === 0 ? "" : ` at ${drift.paths.join(", ")}`;
    const what = `${describeId(drift.object)} changed by ${who}${where}`;
    if (drift.action === "fighting")
      found.push({ type: "Warning", reason: "DriftFight", message: `${what}, again and again` });
    else found.push({ type: "Normal", reason: "DriftCorrected", message: `${what}, put right` });
  }
  return found;
}

function keyOf({ object, atMs, action, paths }: Drift): string {
  return [object, atMs, action, ...paths].join("\n");
}

/** The same happening has the same name, so that it is one Event with a count. */
function nameOf(app: string, { reason, message }: Happening): string {
  const hash = createHash("sha256").update(`${reason}\n${message}`).digest("hex").slice(0, 16);
  return `${app}.${hash}`;
}

function toEvent(name: string, written: Written, uid: string | undefined): KubeObject {
  const { app, type, reason, message, count, firstAtMs, lastAtMs } = written;
  const isLong = message.length > LONGEST_MESSAGE;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: AXLE_NAMESPACE },
    involvedObject: {
      apiVersion: AXLE_API_VERSION,
      kind: "AxleInventory",
      namespace: AXLE_NAMESPACE,
      name: app,
      ...(uid === undefined ? {} : { uid }),
    },
    type,
    reason,
    message: isLong ? `${message.slice(0, LONGEST_MESSAGE)}…` : message,
    source: { component: "axle-agent" },
    count,
    firstTimestamp: toTimestamp(firstAtMs),
    lastTimestamp: toTimestamp(lastAtMs),
  };
}

/** Events know whole seconds. */
function toTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
