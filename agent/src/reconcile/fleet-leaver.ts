import { NO_GUARDRAILS, guardrailAgainst } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { describeRef } from "@axle/core/manifest/object.ts";
import type { ObjectId } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { LeavingOrder, ReconcileEvents, ReconcileOutcome } from "../ports.ts";
import { eachBounded } from "./each-bounded.ts";
import { isKeptFromPrune, PAUSED_IN_CLUSTER } from "./object-policy.ts";
import { deletionOf, markOf } from "./ownership-mark.ts";
import { groupForDeletion, isOurOwn, toCandidates } from "./prune-candidates.ts";
import type { Candidate } from "./prune-candidates.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";
import { readObject, releaseObject } from "./release-object.ts";

export interface FleetLeaverOptions extends Pick<
  ReconcilerParts,
  "book" | "board" | "store" | "inventories" | "pruner" | "clients" | "watchOwned"
> {
  readonly client: KubeClient;
  /** Id of the cluster, in our marks. */
  readonly cluster: string;
  readonly events: Pick<ReconcileEvents, "left">;
  readonly log: Logger;
  /** What the cluster's owner does not let us do. */
  readonly guardrails?: Guardrails;
  /** The hub's clock: the yes to deleting ends by it. */
  readonly hubNow?: () => number;
  /** How long one pass waits for a kind to be gone before the next try. */
  readonly goneTimeoutMs?: number;
}

const CONCURRENCY = 8;
/** Something of ours may have been at work on an object while it was let go, and marked it again. */
const SWEEPS = 3;

/**
 * Takes this cluster out of the fleet. With `keep` every object stays as it runs, without our mark and our fields. With
 * `delete` everything an inventory holds and our mark is on goes first (S2): apps that others depend on after those, kind by
 * kind in reverse order, each gone before the next; what may not be touched or asked to be kept stays. Our own inventories go
 * last. What is left to do is found in the inventories, so it may be killed anywhere.
 */
export class FleetLeaver {
  readonly #options: FleetLeaverOptions;
  readonly #guardrails: Guardrails;
  #order = "";
  #done = { released: 0, deleted: 0, untouched: 0 };

  constructor(options: FleetLeaverOptions) {
    this.#options = options;
    this.#guardrails = options.guardrails ?? NO_GUARDRAILS;
  }

  /** One try; says by `retry` which apps are not through. Throws only what makes all of it impossible. */
  async leave(order: LeavingOrder, signal: AbortSignal): Promise<ReconcileOutcome> {
    const { inventories, board, events, log, watchOwned } = this.#options;
    if (this.#order !== order.id) this.#done = { released: 0, deleted: 0, untouched: 0 };
    this.#order = order.id;
    for (const app of inventories.apps) board.set(app, { sync: "Applying", message: "leaving the fleet" });
    const retry = order.mode === "keep" ? await this.#releaseAll(signal) : await this.#deleteAll(order, signal);
    watchOwned();
    await board.settled();
    if (inventories.apps.length > 0) return { applied: false, retry };
    for (const app of board.apps) board.remove(app);
    const { released, deleted, untouched } = this.#done;
    const spared = untouched === 0 ? "" : `, ${untouched} left untouched behind guardrails`;
    const what = `${order.mode}: ${deleted} objects deleted, ${released} let go${spared}`;
    log.info({ order: order.id, mode: order.mode, deleted, released, untouched }, "this cluster has left the fleet");
    events.left({ order: order.id, what });
    return { applied: false, retry: [] };
  }

  /** Returns the apps of which something could not be let go. */
  async #releaseAll(signal: AbortSignal): Promise<readonly string[]> {
    const { inventories } = this.#options;
    const left: string[] = [];
    for (const app of inventories.apps) {
      const ids = inventories.idsOf(app);
      if (!(await this.#release(app, toCandidates(ids), signal))) left.push(app);
      else await this.#forget(app, ids, signal);
    }
    return left;
  }

  /** False when something is still ours. */
  async #release(app: string, refs: readonly Candidate[], signal: AbortSignal): Promise<boolean> {
    const { client, clients, cluster, book } = this.#options;
    const options = { client, writer: clients.of(app), cluster, guardrails: this.#guardrails };
    const problems: string[] = [];
    let rest = refs;
    for (let sweep = 0; sweep < SWEEPS && rest.length > 0 && problems.length === 0; sweep += 1) {
      const touched: Candidate[] = [];
      await eachBounded(rest, CONCURRENCY, async (ref) => {
        signal.throwIfAborted();
        book.forget(ref.id);
        const release = async () => {
          const outcome = await releaseObject(options, ref, signal);
          if (outcome === "released") touched.push(ref);
          if (outcome === "untouchable") this.#done.untouched += 1;
        };
        problems.push(...(await this.#attempt(app, { ref, signal }, release)));
      });
      if (sweep === 0) this.#done.released += touched.length;
      // Those that were ours are looked at once more.
      rest = touched;
    }
    if (problems.length > 0) this.#say(app, problems);
    return problems.length === 0;
  }

  /** Returns the apps of which something is left. */
  async #deleteAll(order: LeavingOrder, signal: AbortSignal): Promise<readonly string[]> {
    const { store, inventories, hubNow = Date.now } = this.#options;
    const { id, expiresAtMs } = order;
    if (!store.usedApprovals.has(id)) {
      if (expiresAtMs <= hubNow()) {
        const when = new Date(expiresAtMs).toISOString();
        const message = `kept: the yes to deleting ended at ${when}; give it again with axle cluster forget --delete`;
        for (const app of inventories.apps) this.#say(app, [message]);
        return [];
      }
      // From now on it is this deletion, however long it takes.
      await store.useApprovals([{ id, expiresAtMs }], { nowMs: hubNow(), signal });
    }
    if (!(await this.#releaseContainers(signal))) return inventories.apps;
    const left: string[] = [];
    for (const app of inOrderOfDeletion(order, inventories.apps)) {
      const dependents = order.apps.filter(({ dependsOn }) => dependsOn.includes(app)).map(({ name }) => name);
      const first = dependents.find((name) => left.includes(name));
      if (first !== undefined) this.#say(app, [`waits until app ${first}, which depends on it, is gone`]);
      if (first !== undefined || !(await this.#deleteApp(app, signal))) left.push(app);
    }
    return left;
  }

  /**
   * A namespace or a kind would take along what stays in it, so it stays too. Let go before anything else, while what stays is
   * still in an inventory: after a restart nobody would know. False when something could not be looked at or let go.
   */
  async #releaseContainers(signal: AbortSignal): Promise<boolean> {
    const { inventories } = this.#options;
    const staying: Candidate[] = [];
    for (const app of inventories.apps) {
      const found = await this.#stayingOf(app, signal);
      if (found === undefined) return false;
      staying.push(...found);
    }
    for (const app of inventories.apps) {
      const containers = toCandidates(inventories.idsOf(app)).filter((ref) => isContainerOf(ref, staying));
      if (containers.length === 0) continue;
      if (!(await this.#release(app, containers, signal))) return false;
      await inventories.drop(app, new Set(containers.map(({ id }) => id)), signal);
    }
    return true;
  }

  /** True when nothing of the app is left. */
  async #deleteApp(app: string, signal: AbortSignal): Promise<boolean> {
    const { inventories } = this.#options;
    if (inventories.isPaused(app)) {
      this.#say(app, [PAUSED_IN_CLUSTER]);
      return false;
    }
    const staying = await this.#stayingOf(app, signal);
    if (staying === undefined || !(await this.#release(app, staying, signal))) return false;
    await inventories.drop(app, new Set(staying.map(({ id }) => id)), signal);
    for (const group of groupForDeletion(inventories.idsOf(app))) {
      if (!(await this.#deleteGroup(app, group, signal))) return false;
    }
    await this.#forget(app, inventories.idsOf(app), signal);
    return true;
  }

  /** What is not ours to delete: behind a guardrail, kept from prune, ours to run by. Undefined when that cannot be told. */
  async #stayingOf(app: string, signal: AbortSignal): Promise<readonly Candidate[] | undefined> {
    const { inventories, client, cluster, book } = this.#options;
    const staying: Candidate[] = [];
    const problems: string[] = [];
    await eachBounded(toCandidates(inventories.idsOf(app)), CONCURRENCY, async (ref) => {
      signal.throwIfAborted();
      if (isOurOwn(ref) || guardrailAgainst(ref.id, this.#guardrails) !== undefined) {
        staying.push(ref);
        return;
      }
      const look = async () => {
        const live = await readObject(client, ref, signal);
        if (live === undefined) return;
        const declared = book.get(ref.id)?.source ?? live;
        const isKept = [declared, live].some((object) => isKeptFromPrune(object)) || deletionOf(live) === "orphan";
        if (isKept || markOf(live)?.cluster !== cluster) staying.push(ref);
      };
      problems.push(...(await this.#attempt(app, { ref, signal }, look)));
    });
    if (problems.length === 0) return staying;
    this.#say(app, problems);
    return undefined;
  }

  /** Deletes what is of one kind and waits until it is gone, for as long as a pass may take. */
  async #deleteGroup(app: string, group: readonly Candidate[], signal: AbortSignal): Promise<boolean> {
    const { inventories, pruner, board, watchOwned, goneTimeoutMs = 60_000 } = this.#options;
    const isLeft = ({ id }: Candidate) => inventories.has(app, id);
    const deadlineMs = performance.now() + goneTimeoutMs;
    for (let delayMs = 50; ; delayMs = Math.min(2_000, delayMs * 2)) {
      const objects: readonly ObjectId[] = group.filter(isLeft).map(({ id }) => id);
      await pruner.prune(app, { decision: "allowed", objects, approval: "leave" }, signal);
      watchOwned();
      const rest = group.filter(isLeft);
      if (rest.length === 0 || performance.now() >= deadlineMs) this.#done.deleted += group.length - rest.length;
      if (rest.length === 0) return true;
      if (performance.now() >= deadlineMs) {
        this.#say(app, board.reportOf(app).pruning);
        return false;
      }
      await sleep(delayMs, signal);
    }
  }

  /** The app's inventory goes, and with it what we say of the app. */
  async #forget(app: string, ids: readonly ObjectId[], signal: AbortSignal): Promise<void> {
    const { inventories, board } = this.#options;
    await inventories.drop(app, new Set(ids), signal);
    await inventories.remove(app, signal);
    board.remove(app);
  }

  /** What went wrong with one object is said of its app; a server that is away ends the pass. */
  async #attempt(
    app: string,
    { ref, signal }: { readonly ref: Candidate; readonly signal: AbortSignal },
    work: () => Promise<void>,
  ): Promise<readonly string[]> {
    try {
      await work();
      return [];
    } catch (error) {
      signal.throwIfAborted();
      const failure = KubeError.from(error);
      if (failure.isServerAway) throw failure;
      this.#options.log.warn({ app, object: ref.id, error: failure }, "object could not be let go");
      return [`${describeRef(ref)}: ${failure.message}`];
    }
  }

  #say(app: string, messages: readonly string[]): void {
    const { board, inventories } = this.#options;
    const [first = "", ...others] = messages;
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    const message = `leaving the fleet: ${first}${more}`;
    board.set(app, { sync: "Blocked", message, objects: inventories.idsOf(app).length });
  }
}

/** A definition goes by its group: which kind of it one defines, its name does not say. */
function isContainerOf({ group, kind, name }: Candidate, objects: readonly Candidate[]): boolean {
  if (group === "" && kind === "Namespace") return objects.some(({ namespace }) => namespace === name);
  return kind === "CustomResourceDefinition" && objects.some((object) => name.endsWith(`.${object.group}`));
}

/** Apps that are not in the slice any more first, then from the last that was applied to the first. */
function inOrderOfDeletion(order: LeavingOrder, apps: readonly string[]): readonly string[] {
  const place = new Map(order.apps.map(({ name }, index) => [name, index]));
  const rankOf = (app: string) => place.get(app) ?? Number.MAX_SAFE_INTEGER;
  return apps.toSorted((a, b) => rankOf(b) - rankOf(a));
}
