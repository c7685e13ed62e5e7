import { createHash } from "node:crypto";
import { guardrailAgainst } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { judgeDeletions } from "@axle/core/guard/deletion-guard.ts";
import type { DeletionVerdict } from "@axle/core/guard/deletion-guard.ts";
import { planPrune } from "@axle/core/inventory/plan-prune.ts";
import { compareForApply } from "@axle/core/manifest/kind-order.ts";
import { parseId } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId, ObjectRef } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { DesiredState } from "../ports.ts";
import { addressOf, apiVersionOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { AppClients } from "./app-clients.ts";
import type { AppBoard } from "./app-board.ts";
import { describeId } from "./app-board.ts";
import type { DeletionBudget } from "./deletion-budget.ts";
import { eachBounded } from "./each-bounded.ts";
import type { InventoryStore } from "./inventory-store.ts";
import type { ObjectBook } from "./object-book.ts";
import { finalizersOf, isBeingDeleted, uidOf } from "./live-meta.ts";
import type { KindKey } from "./owned-watches.ts";
import { PAUSED_IN_CLUSTER, isKeptFromPrune } from "./object-policy.ts";
import { deletionOf, markOf } from "./ownership-mark.ts";
import type { ResolvedSlice } from "./resolved-app.ts";
import { unmark } from "./unmark.ts";

export interface PrunerOptions {
  readonly client: KubeClient;
  readonly clients: AppClients;
  readonly cluster: string;
  readonly book: ObjectBook;
  readonly board: AppBoard;
  readonly inventories: InventoryStore;
  readonly log: Logger;
  /** What the cluster's owner does not let us do. */
  readonly guardrails: Guardrails;
  readonly budget: DeletionBudget;
  /** On the hub's clock: approvals expire by it. */
  readonly hubNow: () => number;
  /** Remembers for good that approvals were acted on, by id. */
  readonly useApprovals: (ids: ReadonlySet<string>, signal: AbortSignal) => Promise<void>;
}

/** What a slice takes away, by app. */
export type PrunePlan = ReadonlyMap<string, DeletionVerdict>;

const CONCURRENCY = 8;

/** Deletes what no pack has any more: only what an inventory of ours holds and our mark is still on (S2), only what the guard lets pass (S4). */
export class Pruner {
  readonly #options: PrunerOptions;
  /** Deletion asked for and not finished, with the app whose inventory holds it. */
  readonly #asked = new Map<ObjectId, { readonly app: string; readonly kind: KindKey }>();
  /** Let pass by an approval (its id); stays so until it is gone, though what is left is another set. */
  readonly #approved = new Map<ObjectId, string>();
  /** Looked at since the start, while they waited. */
  readonly #inspected = new Set<ObjectId>();

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  /** Kinds whose events tell when a deletion is through. */
  get kinds(): readonly KindKey[] {
    return [...this.#asked.values()].map(({ kind }) => kind);
  }

  /**
   * Looks once at what no pack has and we know nothing of (after a start): what is gone leaves the inventory, what is
   * being deleted was let pass before and need not be judged again.
   */
  async inspect(slice: ResolvedSlice, signal: AbortSignal): Promise<void> {
    const { book, inventories } = this.#options;
    const declared = new Set(slice.apps.flatMap((app) => [...app.possibleIds]));
    const isNew = (id: ObjectId) =>
      !declared.has(id) && book.get(id) === undefined && !this.#asked.has(id) && !this.#inspected.has(id);
    for (const app of inventories.apps) {
      const gone = new Set<ObjectId>();
      await eachBounded(toCandidates(inventories.idsOf(app).filter(isNew)), CONCURRENCY, async (ref) => {
        const live = await this.#read(ref, signal);
        if (live === undefined) gone.add(ref.id);
        else if (isBeingDeleted(live)) this.#ask(app, ref.id, live);
        this.#inspected.add(ref.id);
      });
      if (gone.size > 0) await inventories.drop(app, gone, signal);
    }
  }

  /** What may be deleted and what waits for a person. Deletes nothing; remembers what an approval let pass. */
  plan(desired: DesiredState, slice: ResolvedSlice, usedApprovals: ReadonlySet<string>): PrunePlan {
    const { cluster, inventories, hubNow } = this.#options;
    const owned = inventories.all();
    const inSlice = new Map(desired.apps.map((app) => [app.name, app]));
    const packs = new Map(slice.apps.map((app) => [app.desired.name, [...app.possibleIds]]));
    const heldApps = desired.apps.filter((app) => app.held !== undefined).map((app) => app.name);
    const lost = planPrune({ inventories: owned, packs, heldApps });
    const keepsAll = (app: string) => !(inSlice.get(app)?.settings.sync.prune ?? inventories.prunes(app));
    const deletions = new Map([...lost].filter(([app]) => !keepsAll(app)));
    this.#forgetWanted(slice);
    const isSettled = (id: ObjectId) => this.#asked.has(id) || this.#approved.has(id);
    const verdicts = judgeDeletions({
      cluster,
      inventories: owned,
      deletions: new Map([...deletions].map(([app, ids]) => [app, ids.filter((id) => !isSettled(id))])),
      removedApps: [...owned.keys()].filter((app) => !inSlice.has(app)),
      approvals: desired.approvals,
      usedApprovals,
      holds: desired.deletionHolds,
      nowMs: hubNow(),
      sha256Hex: (text) => createHash("sha256").update(text).digest("hex"),
    });
    return new Map(
      [...deletions].flatMap(([app, ids]): [string, DeletionVerdict][] => {
        const settled = ids.filter(isSettled);
        const verdict = verdicts.get(app) ?? { decision: "allowed", objects: [] };
        if (verdict.decision === "waits") return [[app, verdict]];
        const { approval } = verdict;
        if (approval !== undefined) for (const id of verdict.objects) this.#approved.set(id, approval);
        return [[app, { ...verdict, objects: [...verdict.objects, ...settled] }]];
      }),
    );
  }

  /** Carries out what the plan allows for one app; what is left over stays in the inventory. */
  async prune(app: string, verdict: DeletionVerdict | undefined, signal: AbortSignal): Promise<void> {
    const { board } = this.#options;
    if (verdict === undefined || verdict.decision === "waits") {
      const pendingDeletion =
        verdict === undefined ? undefined : { hash: verdict.hash, reason: verdict.reason, objects: verdict.objects };
      if (verdict !== undefined || board.get(app)?.pendingDeletion !== undefined) board.set(app, { pendingDeletion });
      return;
    }
    if (board.get(app)?.pendingDeletion !== undefined) board.set(app, { pendingDeletion: undefined });
    const approvals = verdict.objects.flatMap((id) => this.#approved.get(id) ?? []);
    await this.#options.useApprovals(new Set(approvals), signal);
    const gone = new Set<ObjectId>();
    for (const group of groupForDeletion(verdict.objects)) {
      await eachBounded(group, CONCURRENCY, async (ref) => {
        signal.throwIfAborted();
        const left = await this.#deleteOne(app, ref, signal);
        if (left === undefined) gone.add(ref.id);
        board.pruning(app, ref.id, left);
      });
    }
    for (const id of gone) this.#forget(id);
    await this.#options.inventories.drop(app, gone, signal);
  }

  /** Takes from an app's inventory what another app's inventory holds now. */
  async handOver(app: string, slice: ResolvedSlice, signal: AbortSignal): Promise<void> {
    const { inventories } = this.#options;
    const moved = inventories.idsOf(app).filter((id) => {
      const owner = slice.claims.get(id);
      return owner !== undefined && owner !== app && inventories.has(owner, id);
    });
    if (moved.length > 0) await inventories.drop(app, new Set(moved), signal);
  }

  /** An object of ours came by: says where a deletion stands. Returns the app when it is through. */
  observe(id: ObjectId, live: KubeObject | undefined): string | undefined {
    const asked = this.#asked.get(id);
    if (asked === undefined) return undefined;
    if (live !== undefined) {
      this.#options.board.pruning(asked.app, id, sayBlocked(id, live));
      return undefined;
    }
    this.#forget(id);
    this.#options.board.pruning(asked.app, id, undefined);
    return asked.app;
  }

  /** Of a kind, what is being deleted and was not there when all of it was listed: it went before anybody watched. */
  missing(kind: KindKey, listed: ReadonlySet<ObjectId>): readonly ObjectId[] {
    return [...this.#asked].flatMap(([id, asked]) => (asked.kind === kind && !listed.has(id) ? [id] : []));
  }

  /** What came back into a pack is no deletion any more, whatever was asked or approved before. */
  #forgetWanted(slice: ResolvedSlice): void {
    for (const id of [...this.#asked.keys(), ...this.#approved.keys()]) if (slice.claims.has(id)) this.#forget(id);
  }

  #forget(id: ObjectId): void {
    this.#asked.delete(id);
    this.#approved.delete(id);
    this.#inspected.delete(id);
  }

  #ask(app: string, id: ObjectId, live: KubeObject): void {
    this.#asked.set(id, { app, kind: `${live.apiVersion}/${live.kind}` });
    this.#options.board.pruning(app, id, sayBlocked(id, live));
  }

  /** Undefined when the object or its kind is not there any more. */
  async #read(ref: Candidate, signal: AbortSignal): Promise<KubeObject | undefined> {
    const { client } = this.#options;
    const resource = await client.discovery.findPreferred(ref.group, ref.kind);
    return resource === undefined ? undefined : client.get({ ...ref, apiVersion: apiVersionOf(resource) }, signal);
  }

  /** Undefined when the object is gone or no longer ours, else why it is still there. */
  async #deleteOne(app: string, ref: Candidate, signal: AbortSignal): Promise<string | undefined> {
    const { clients, cluster, book, inventories, guardrails, budget, log } = this.#options;
    const client = clients.of(app);
    try {
      const guardrail = guardrailAgainst(ref.id, guardrails);
      if (guardrail !== undefined) return `${describeId(ref.id)}: guardrail ${guardrail} of this cluster keeps it`;
      if (inventories.isPaused(app)) return `${describeId(ref.id)}: ${PAUSED_IN_CLUSTER}`;
      const live = await this.#read(ref, signal);
      const declared = book.get(ref.id)?.source;
      book.forget(ref.id);
      if (live === undefined) return undefined;
      if (markOf(live)?.cluster !== cluster || [declared ?? live, live].some(isKeptFromPrune)) {
        log.info({ app, object: ref.id }, "object left in place: it does not carry our mark, or is kept from prune");
        return undefined;
      }
      const deletion = deletionOf(live);
      if (deletion === "orphan") {
        await unmark(client, live, signal);
        log.info({ app, object: ref.id }, "object let go");
        return undefined;
      }
      const wait = isBeingDeleted(live) ? undefined : await budget.take(signal);
      if (wait !== undefined) return `${describeId(ref.id)}: ${wait}`;
      const options = { uid: uidOf(live), propagation: PROPAGATION[deletion], signal };
      const left = isBeingDeleted(live) ? live : await client.delete(addressOf(live), options);
      if (left === undefined) return undefined;
      this.#ask(app, ref.id, left);
      return sayBlocked(ref.id, left);
    } catch (error) {
      signal.throwIfAborted();
      const failure = KubeError.from(error);
      if (failure.isServerAway) throw failure;
      log.warn({ app, object: ref.id, error: failure }, "delete failed");
      return `${describeId(ref.id)}: ${failure.message}`;
    }
  }
}

const PROPAGATION = { foreground: "Foreground", background: "Background" } as const;

interface Candidate extends ObjectRef {
  readonly id: ObjectId;
}

function toCandidates(ids: readonly ObjectId[]): readonly Candidate[] {
  return ids.flatMap((id) => {
    const ref = parseId(id);
    return ref === undefined ? [] : [{ ...ref, id }];
  });
}

/** The reverse of the order of applying, one kind after another. */
function groupForDeletion(ids: readonly ObjectId[]): readonly (readonly Candidate[])[] {
  const sorted = toCandidates(ids).toSorted((a, b) => compareForApply(b, a));
  return [...Map.groupBy(sorted, ({ group, kind }) => `${group}/${kind}`).values()];
}

function sayBlocked(id: ObjectId, live: KubeObject): string {
  const finalizers = finalizersOf(live);
  return `${describeId(id)}: ${finalizers.length > 0 ? `blocked by finalizer ${finalizers.join(", ")}` : "being deleted"}`;
}
