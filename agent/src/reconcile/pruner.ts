import { createHash } from "node:crypto";
import { guardrailAgainst } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { judgeDeletions } from "@axle/core/guard/deletion-guard.ts";
import type { DeletionVerdict } from "@axle/core/guard/deletion-guard.ts";
import { planPrune } from "@axle/core/inventory/plan-prune.ts";
import type { DeletionPolicy } from "@axle/core/fleet/app.ts";
import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { isTimeout } from "@axle/runtime/stop-error.ts";
import type { DesiredApp, DesiredState } from "../ports.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { AppClients } from "./app-clients.ts";
import type { AppBoard } from "./app-board.ts";
import { describeId } from "./app-board.ts";
import type { DeletionBudget } from "./deletion-budget.ts";
import { eachBounded } from "./each-bounded.ts";
import type { InventoryStore } from "./inventory-store.ts";
import type { ObjectBook } from "./object-book.ts";
import { isBeingDeleted, uidOf } from "./live-meta.ts";
import type { KindKey } from "./owned-watches.ts";
import { PAUSED_IN_CLUSTER, asksBeforePrune, isKeptFromPrune } from "./object-policy.ts";
import { AskedDeletions } from "./asked-deletions.ts";
import { deletionInApp, deletionOf, markOf } from "./ownership-mark.ts";
import type { Candidate } from "./prune-candidates.ts";
import { keepsEverything } from "./prune-obstacle.ts";
import { groupForDeletion, isOurOwn, sayBlocked, toCandidates } from "./prune-candidates.ts";
import { readObject } from "./release-object.ts";
import { ReconcileError } from "./reconcile-error.ts";
import { RecreationGuard } from "./recreation-guard.ts";
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
  readonly #asked: AskedDeletions;
  /** Let pass by an approval (its id); stays so until it is gone, though what is left is another set. */
  readonly #approved = new Map<ObjectId, string>();
  /** Want a person's yes, by their own word in Git or in the cluster. */
  readonly #asking = new Set<ObjectId>();
  /** How what leaves each app of the slice goes, where the app says so. */
  #words: ReadonlyMap<string, DeletionPolicy | undefined> = new Map();
  /** As Git last had what a try to delete it left: the book has forgotten it by the next one. */
  readonly #declared = new Map<ObjectId, KubeObject>();
  /** Looked at since the start, while they waited. */
  readonly #inspected = new Set<ObjectId>();

  /** Deletions of another sort, let pass by the same approvals. */
  readonly recreations: RecreationGuard;

  constructor(options: PrunerOptions) {
    this.#options = options;
    this.#asked = new AskedDeletions(options.board);
    this.recreations = new RecreationGuard(options);
  }

  /** Kinds whose events tell when a deletion is through. */
  get kinds(): readonly KindKey[] {
    return this.#asked.kinds;
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
        const live = await this.#tryRead(ref, signal);
        if (live === "unknown") return;
        if (live === undefined) gone.add(ref.id);
        else if (isBeingDeleted(live)) this.#asked.add(app, ref.id, live);
        else if (asksBeforePrune(live)) this.#asking.add(ref.id);
        this.#inspected.add(ref.id);
      });
      if (gone.size > 0) await inventories.drop(app, gone, signal);
    }
  }

  /** What may be deleted and what waits for a person. Deletes nothing; remembers what an approval let pass. */
  plan(desired: DesiredState, slice: ResolvedSlice, usedApprovals: ReadonlySet<string>): PrunePlan {
    const { cluster, inventories, hubNow } = this.#options;
    this.recreations.begin(desired.approvals, usedApprovals);
    const owned = inventories.all();
    const inSlice = new Map(desired.apps.map((app) => [app.name, app]));
    this.#words = new Map(desired.apps.map((app) => [app.name, app.settings.sync.deletion]));
    const packs = new Map(slice.apps.map((app) => [app.desired.name, [...app.possibleIds]]));
    const heldApps = desired.apps.filter(keepsEverything).map((app) => app.name);
    const lost = planPrune({ inventories: owned, packs, heldApps });
    const keepsAll = (app: string) => !(inSlice.get(app)?.settings.sync.prune ?? inventories.prunes(app));
    const deletions = new Map([...lost].filter(([app]) => !keepsAll(app)));
    this.#forgetWanted(slice);
    for (const id of [...deletions.values()].flat()) {
      const source = this.#options.book.get(id)?.source;
      if (source !== undefined && asksBeforePrune(source)) this.#asking.add(id);
    }
    const isSettled = (id: ObjectId) => this.#asked.has(id) || this.#approved.has(id);
    const verdicts = judgeDeletions({
      cluster,
      inventories: owned,
      deletions: new Map([...deletions].map(([app, ids]) => [app, ids.filter((id) => !isSettled(id))])),
      removedApps: [...owned.keys()].filter((app) => !inSlice.has(app)),
      approvals: desired.approvals,
      usedApprovals,
      holds: desired.deletionHolds,
      asking: this.#asking,
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
      // The event that a deletion is through may have come before the answer to it: nothing else would tell.
      await this.#lookAtAsked(app, signal);
      // What was asked about one by one waits with the others now.
      board.keepPruning(app, new Set(this.#asked.of(app)));
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
        const left = await this.#deleteOne(app, ref, { isApproved: verdict.approval !== undefined, signal });
        if (left === undefined) gone.add(ref.id);
        board.pruning(app, ref.id, left);
      });
    }
    for (const id of gone) this.#forget(id);
    board.keepPruning(app, new Set([...verdict.objects, ...this.#asked.of(app)]));
    await this.#options.inventories.drop(app, gone, signal);
  }

  /**
   * Carries out what the plan allows before the app is applied, and waits until it is gone, for at most the app's time.
   * @throws ReconcileError `not-gone` that says what keeps it
   */
  async makeRoom(
    { name, settings }: Pick<DesiredApp, "name" | "settings">,
    verdict: DeletionVerdict,
    options: { readonly onAsked: () => void; readonly signal: AbortSignal },
  ): Promise<void> {
    const { signal, onAsked } = options;
    const { timeoutMs } = settings.sync;
    await this.prune(name, verdict, signal);
    onAsked();
    const wait = async (during: AbortSignal) => {
      for (let delayMs = 20; this.#asked.of(name).length > 0; delayMs = Math.min(1_000, delayMs * 2)) {
        await sleep(delayMs, during);
        await this.#lookAtAsked(name, during);
      }
    };
    try {
      await withDeadline({ timeoutMs, signal, what: `deletions of ${name}` }, wait);
    } catch (cause) {
      if (signal.aborted || !isTimeout(cause)) throw cause;
    }
    const { pruning } = this.#options.board.reportOf(name);
    if (pruning.length > 0)
      throw new ReconcileError("not-gone", `not applied before it is gone: ${pruning.join("; ")}`);
  }

  async #lookAtAsked(app: string, signal: AbortSignal): Promise<void> {
    const gone = new Set<ObjectId>();
    await eachBounded(toCandidates(this.#asked.of(app)), CONCURRENCY, async (ref) => {
      const live = await this.#tryRead(ref, signal);
      if (live === "unknown") return;
      this.observe(ref.id, live);
      if (live === undefined) gone.add(ref.id);
    });
    if (gone.size > 0) await this.#options.inventories.drop(app, gone, signal);
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
    const app = this.#asked.observe(id, live);
    if (app !== undefined) this.#forget(id);
    return app;
  }

  /** Of a kind, what is being deleted and was not there when all of it was listed: it went before anybody watched. */
  missing(kind: KindKey, listed: ReadonlySet<ObjectId>): readonly ObjectId[] {
    return this.#asked.missing(kind, listed);
  }

  /** What came back into a pack is no deletion any more, whatever was asked or approved before. */
  #forgetWanted(slice: ResolvedSlice): void {
    for (const id of [...this.#asked.ids, ...this.#approved.keys()]) if (slice.claims.has(id)) this.#forget(id);
  }

  #forget(id: ObjectId): void {
    this.#asked.forget(id);
    this.#asking.delete(id);
    this.#approved.delete(id);
    this.#inspected.delete(id);
    this.#declared.delete(id);
  }

  /** How the object goes. What is on its way already goes as it was sent. */
  #deletionOf(app: string, live: KubeObject, declared: KubeObject | undefined): DeletionPolicy {
    const id = idOf(live);
    if (declared !== undefined) this.#declared.set(id, declared);
    if (isBeingDeleted(live)) return deletionOf(live);
    return deletionInApp(live, this.#declared.get(id), this.#words.get(app));
  }

  /** `unknown` when its kind alone does not answer. */
  async #tryRead(ref: Candidate, signal: AbortSignal): Promise<KubeObject | undefined | "unknown"> {
    try {
      return await readObject(this.#options.client, ref, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = KubeError.from(error);
      if (failure.isServerAway) throw failure;
      this.#options.log.warn({ object: ref.id, error: failure }, "object not looked at");
      return "unknown";
    }
  }

  /** Undefined when the object is gone or no longer ours, else why it is still there. */
  async #deleteOne(
    app: string,
    ref: Candidate,
    { isApproved, signal }: { readonly isApproved: boolean; readonly signal: AbortSignal },
  ): Promise<string | undefined> {
    const { clients, cluster, book, inventories, guardrails, budget, log } = this.#options;
    const client = clients.of(app);
    try {
      const guardrail = guardrailAgainst(ref.id, guardrails);
      if (guardrail !== undefined) return `${describeId(ref.id)}: guardrail ${guardrail} of this cluster keeps it`;
      if (inventories.isPaused(app)) return `${describeId(ref.id)}: ${PAUSED_IN_CLUSTER}`;
      const live = await readObject(this.#options.client, ref, signal);
      const declared = book.get(ref.id)?.source;
      book.forget(ref.id);
      if (live === undefined) return undefined;
      if (markOf(live)?.cluster !== cluster || [declared ?? live, live].some(isKeptFromPrune)) {
        log.info({ app, object: ref.id }, "object left in place: it does not carry our mark, or is kept from prune");
        return undefined;
      }
      if (isOurOwn(ref)) return `${describeId(ref.id)}: runs this agent`;
      if (asksBeforePrune(live) && !isApproved && !this.#approved.has(ref.id) && !isBeingDeleted(live)) {
        // Asked in the cluster, where nobody had looked yet: the next plan waits for a person.
        this.#asking.add(ref.id);
        return `${describeId(ref.id)}: asks by annotation for a person's yes`;
      }
      const deletion = this.#deletionOf(app, live, declared);
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
      this.#asked.add(app, ref.id, left);
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
