import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import { describeSource } from "@axle/core/fleet/source-request.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { ResolvedApp } from "@axle/core/placement/variant.ts";
import type { DeletionApproval, SliceNumber } from "@axle/core/slice/slice.ts";
import { CallError } from "./api/call-error.ts";
import type { ApprovalOrder, FleetCommands, FleetReader, RepositoryState } from "./api/ports.ts";
import type { CycleOutcome } from "./cycle/fleet-cycle.ts";
import type { HubState } from "./cycle/hub-state.ts";
import type { Wake } from "./cycle/wake.ts";
import type { FleetRecord, Store, StoreEntry } from "./ports.ts";

/** The loop of the term this process leads. */
export interface Term {
  readonly state: HubState;
  readonly store: Pick<Store, "load" | "write">;
  readonly wake: Wake;
  readonly fetching: () => { readonly lastFetchMs: number; readonly error: string };
}

/** What is shown of a turn; its slices are not kept. */
type Turned = Pick<CycleOutcome, "resolution" | "clusters" | "contract">;

export interface FleetDeskOptions {
  readonly url: string;
  readonly branch: string;
  readonly now?: () => number;
  readonly newId: () => string;
}

/**
 * Where the API asks what the loop knows and orders what the loop does. It outlives the terms of leadership: between two
 * of them it shows the last state and refuses orders.
 */
export class FleetDesk implements FleetReader, FleetCommands {
  readonly #options: FleetDeskOptions;
  readonly #now: () => number;
  readonly #listeners = new Set<(clusterIds: readonly string[]) => void>();
  #term: Term | undefined;
  #state: HubState | undefined;
  #outcome: Turned | undefined;

  constructor(options: FleetDeskOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  opened(term: Term): void {
    this.#term = term;
    this.#state = term.state;
  }

  closed(): void {
    this.#term = undefined;
  }

  turned({ resolution, clusters, contract }: Turned): void {
    this.#outcome = { resolution, clusters, contract };
  }

  /** Whether pushes to other branches than the followed one may change something. */
  followsOthers(): boolean {
    const layout = this.#outcome?.contract.fleet?.layout ?? [];
    return layout.some(({ branch }) => branch !== undefined) || Object.keys(this.fleet()?.refs ?? {}).length > 0;
  }

  published(slices: Readonly<Record<string, SliceNumber>>): void {
    for (const listener of this.#listeners) listener(Object.keys(slices));
  }

  fleet(): FleetRecord | undefined {
    return this.#state?.fleet;
  }

  publishedBy(commit: string): Readonly<Record<string, SliceNumber>> {
    return this.#state?.published.get(commit) ?? {};
  }

  repository(): RepositoryState {
    const { url, branch } = this.#options;
    const fetching = this.#term?.fetching() ?? { lastFetchMs: 0, error: "this hub does not lead at the moment" };
    return { url, branch, lastFetchMs: fetching.lastFetchMs, fetchError: fetching.error };
  }

  apps(): ReadonlyMap<string, AppRecord> {
    return this.#state?.apps ?? new Map();
  }

  resolved(): ReadonlyMap<string, ResolvedApp> {
    return this.#outcome?.resolution.apps ?? new Map();
  }

  clusters(): readonly FleetCluster[] {
    return this.#outcome?.clusters ?? [];
  }

  approvals(clusterId: string): readonly DeletionApproval[] {
    const given = this.#state?.approvals.get(clusterId) ?? [];
    return given.filter((approval) => approval.expiresAtMs > this.#now());
  }

  expected(clusterId: string): SliceNumber | undefined {
    return this.#state?.slices.get(clusterId)?.number;
  }

  onPublished(listener: (clusterIds: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  poke(reason: "hook", atMs: number): void {
    this.#term?.wake.poke(reason, atMs);
  }

  async approve(order: ApprovalOrder, signal: AbortSignal): Promise<DeletionApproval> {
    const term = this.#leading();
    const { clusterId, app, hash, expiresAtMs, actor } = order;
    const approval: DeletionApproval = { id: this.#options.newId(), app, hash, expiresAtMs };
    const atMs = this.#now();
    await this.#write(term, signal, () => {
      const others = this.approvals(clusterId).filter((given) => given.app !== app);
      const subject = `${clusterId}/${app}`;
      return [
        { type: "approvals", cluster: clusterId, approvals: [...others, approval] },
        { type: "audit", entry: { atMs, actor, action: "approve-deletion", subject, detail: hash } },
      ];
    });
    term.wake.poke("approval", atMs);
    return approval;
  }

  /** A person's yes to a branch that was rewritten. Throws CallError unless `commit` is what the hub refuses for that. */
  async allowRewrite(order: { commit: string; actor: string }, signal: AbortSignal): Promise<string> {
    const term = this.#leading();
    const fleet = term.state.fleet;
    const waiting = fleet === undefined ? [] : rewritesOf(fleet);
    const rewrite = order.commit.length < 7 ? undefined : waiting.find(({ head }) => head.startsWith(order.commit));
    if (fleet === undefined || rewrite === undefined) {
      const there = waiting.length > 0 ? `; ${waiting.map(({ head }) => head).join(", ")} does` : "";
      throw new CallError("failed-precondition", `no rewritten branch at ${order.commit} waits for a yes${there}`);
    }
    const { head, ref } = rewrite;
    const atMs = this.#now();
    const subject = ref === undefined ? fleet.name : `${fleet.name} ${describeSource({ type: "ref", ref })}`;
    const entry = { atMs, actor: order.actor, action: "allow-rewrite", subject, commit: head };
    // The record as it stands when it is this order's turn: the loop writes it too.
    await this.#write(term, signal, () => [
      { type: "fleet", record: allowed(term.state.fleet ?? fleet, rewrite) },
      { type: "audit", entry },
    ]);
    term.wake.poke("hook", atMs);
    return head;
  }

  #leading(): Term {
    if (this.#term !== undefined) return this.#term;
    throw new CallError("unavailable", "this hub does not lead at the moment; try again in a few seconds");
  }

  async #write(term: Term, signal: AbortSignal, entriesOf: () => readonly StoreEntry[]): Promise<void> {
    await term.state.write(term.store, entriesOf, signal);
  }
}

interface Rewrite {
  readonly head: string;
  /** Undefined: the followed branch. */
  readonly ref?: string;
}

/** Branches and tags whose newest commit waits for a yes. */
function rewritesOf(fleet: FleetRecord): readonly Rewrite[] {
  const isMainHeld = fleet.problems.some((problem) => problem.code === "history-rewritten");
  const others = Object.entries(fleet.refs ?? {}).filter(([, { head, accepted }]) => head !== accepted);
  return [...(isMainHeld ? [{ head: fleet.head }] : []), ...others.map(([ref, { head }]) => ({ head, ref }))];
}

function allowed(fleet: FleetRecord, { head, ref }: Rewrite): FleetRecord {
  if (ref === undefined) return { ...fleet, allowedRewrite: head };
  const record = fleet.refs?.[ref];
  if (record === undefined) return fleet;
  return { ...fleet, refs: { ...fleet.refs, [ref]: { ...record, allowedRewrite: head } } };
}
