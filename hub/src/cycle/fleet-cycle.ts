import type { Contract } from "@axle/core/fleet/contract.ts";
import { refusesCommit } from "@axle/core/fleet/problem.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import { mergeClusters } from "@axle/core/placement/merge-clusters.ts";
import { planFleetInSteps } from "@axle/core/placement/plan-fleet.ts";
import { planSlicesInSteps } from "@axle/core/placement/plan-slices.ts";
import type { Resolution } from "@axle/core/placement/resolution.ts";
import { resolveInSteps } from "@axle/core/placement/resolve.ts";
import type { RenderedVariant } from "@axle/core/placement/rendered-variant.ts";
import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { Variant, VariantKey } from "@axle/core/placement/variant.ts";
import { runInSteps } from "@axle/runtime/run-in-steps.ts";
import type { Store, StoreEntry } from "../ports.ts";
import type { ClusterStatus, Registration } from "../registry-ports.ts";
import type { ReadCommit } from "./commit-reader.ts";
import type { CycleMemo } from "./cycle-memo.ts";
import { findForgotten, withLeaving } from "./departing-clusters.ts";
import { commitOfPath } from "./commit-of-path.ts";
import { epochOf } from "./fleet-record.ts";
import type { HubState } from "./hub-state.ts";
import { packsBefore } from "./published-before.ts";
import type { RenderMemo } from "./render-memo.ts";
import { remainingApprovals, settleDeletions } from "./settle-deletions.ts";
import type { StepClock } from "./step-clock.ts";
import { writeSlicesInSteps } from "./write-slices.ts";

/** What a cycle decides from, all read fresh. */
export interface CycleInput {
  readonly read: ReadCommit;
  readonly state: HubState;
  readonly registrations: readonly Registration[];
  /** By cluster id. */
  readonly statuses: ReadonlyMap<string, ClusterStatus>;
  readonly clock: StepClock;
  readonly nowMs: number;
}

export interface CycleTools {
  readonly memo: RenderMemo;
  readonly cycleMemo: CycleMemo;
  readonly store: Pick<Store, "findObjects">;
  readonly signing: { readonly id: string; readonly privateKey: Uint8Array };
  readonly packMaster: Uint8Array;
}

/** What a cycle wants written, and what it means. */
export interface CycleOutcome {
  /** In the order they must be written. Empty: nothing changed. */
  readonly entries: readonly StoreEntry[];
  /** The slices among them, by cluster id. */
  readonly published: Readonly<Record<string, SliceNumber>>;
  /** Ids of approvals to be dropped, by cluster. */
  readonly endedApprovals: ReadonlyMap<string, ReadonlySet<string>>;
  readonly problems: readonly Problem[];
  /** A render failed of something that may be over next time, though nothing changes. */
  readonly mayRenderLater: boolean;
  readonly contract: Contract;
  readonly clusters: readonly FleetCluster[];
  readonly resolution: Resolution;
}

/**
 * One turn from a commit that may be applied to what has to be written: resolve, render (memoised), plan, sign. It
 * writes nothing but packs, whose address is their content; what it returns takes effect only when the store accepts it.
 */
export async function planCycle(input: CycleInput, tools: CycleTools, signal: AbortSignal): Promise<CycleOutcome> {
  const { read, state, clock } = input;
  const active = input.registrations.filter((registration) => registration.state === "active");
  const clusters = mergeClusters(active, read.contract.clusterFiles);
  const { cycleMemo } = tools;
  const resolving = { contract: read.contract, clusters, sources: read.sources, memo: cycleMemo.resolve };
  const resolution = await runInSteps(resolveInSteps(resolving), signal);
  clock.mark("resolved");

  const rendered = await tools.memo.renderAll(
    { snapshot: read.snapshot, variants: variantsOf(resolution), packsBefore: packsBefore(resolution, state.apps) },
    signal,
  );
  clock.mark("rendered");

  await learnObjects(state, tools.store, signal);
  const settled = settleDeletions({
    records: state.apps,
    approvals: state.approvals,
    slices: state.slices,
    statuses: input.statuses,
    nowMs: input.nowMs,
  });
  const names = new Map(clusters.map(({ id, name }) => [id, name]));
  const facts = new Map(clusters.map((cluster) => [cluster.id, cluster.facts]));
  const planning = planFleetInSteps({
    commit: read.snapshot.commit,
    commitOf: commitOfPath(read, state.fleet),
    atMs: input.nowMs,
    clusters: active.map((registration) => registration.id),
    previous: state.apps,
    resolution,
    rendered: renderedVariants(rendered.results),
    objectsOf: (digest) => state.objects.get(digest),
    clearHolds: settled.clearHolds,
    nameOf: (id) => names.get(id) ?? id,
    factsOf: (id) => facts.get(id),
    ...(read.contract.fleet !== undefined && { guards: read.contract.fleet.guards }),
    memo: cycleMemo.plan,
  });
  const plan = await runInSteps(planning, signal);

  const records = new Map<string, AppRecord>(state.apps);
  for (const record of plan.records) records.set(record.app, record);
  for (const app of plan.gone) records.delete(app);
  const approvals = new Map([...state.approvals, ...remainingApprovals(state.approvals, settled.endedApprovals)]);
  const ids = active.map((registration) => registration.id);
  const planned = await runInSteps(
    planSlicesInSteps({ records, clusters: ids, approvals, memo: cycleMemo.slices }),
    signal,
  );
  const contents = withLeaving(planned, active);
  const writing = writeSlicesInSteps({
    contents,
    registrations: active,
    stored: state.slices,
    accepted: acceptedNumbers(input.statuses),
    epoch: epochOf(state, input.nowMs),
    signing: tools.signing,
    packMaster: tools.packMaster,
    shared: cycleMemo.shared,
  });
  const slices = await runInSteps(writing, signal);
  const gone = [...state.slices.keys()].filter((cluster) => !contents.has(cluster));
  clock.mark("signed");

  return {
    entries: [
      ...rendered.entries,
      ...plan.records.map((record): StoreEntry => ({ type: "app", record })),
      ...plan.gone.map((app): StoreEntry => ({ type: "app-gone", app })),
      ...slices.entries,
      ...gone.map((cluster): StoreEntry => ({ type: "slice-gone", cluster })),
      ...gone
        .filter((cluster) => state.approvals.has(cluster))
        .map((cluster): StoreEntry => ({ type: "approvals", cluster, approvals: [] })),
    ],
    published: slices.published,
    endedApprovals: settled.endedApprovals,
    problems: [
      ...resolution.problems,
      ...plan.problems,
      ...renderWarnings(rendered.results),
      ...findForgotten(read.contract.clusterFiles, input.registrations),
    ],
    mayRenderLater: rendered.mayRenderLater,
    contract: read.contract,
    clusters,
    resolution,
  };

  /** Objects of every pack that is rendered now or stands in a record: guards compare the two. */
  async function learnObjects(target: HubState, store: Pick<Store, "findObjects">, abort: AbortSignal): Promise<void> {
    for (const result of rendered.results.values()) {
      if ("record" in result) target.objects.set(result.record.pack.digest, result.record.objects);
    }
    const digests = [...target.apps.values()].flatMap((record) => record.packs.map((pack) => pack.digest));
    const unknown = [...new Set(digests)].filter((digest) => !target.objects.has(digest));
    if (unknown.length === 0) return;
    for (const [digest, objects] of await store.findObjects(unknown, abort)) target.objects.set(digest, objects);
  }
}

/** Whether a commit may move the fleet at all (S3). */
export function isRefused(read: ReadCommit): boolean {
  // One that is blocked may only lack its files for now, and is looked at again.
  return (read.contract.fleet === undefined && !read.isBlocked) || refusesCommit(read.contract.problems);
}

function variantsOf(resolution: Resolution): ReadonlyMap<VariantKey, Variant> {
  return new Map([...resolution.apps.values()].flatMap((app) => [...app.variants]));
}

function renderedVariants(
  results: Awaited<ReturnType<RenderMemo["renderAll"]>>["results"],
): ReadonlyMap<VariantKey, RenderedVariant> {
  return new Map(
    [...results].map(([key, result]) => [
      key,
      "record" in result ? { pack: result.record.pack, objects: result.record.objects } : { error: result.error },
    ]),
  );
}

function renderWarnings(results: Awaited<ReturnType<RenderMemo["renderAll"]>>["results"]): readonly Problem[] {
  return [...results.values()].flatMap((result) => ("record" in result ? result.record.warnings : []));
}

function acceptedNumbers(statuses: ReadonlyMap<string, ClusterStatus>): ReadonlyMap<string, SliceNumber> {
  return new Map(
    [...statuses].flatMap(([id, { accepted }]) => (accepted === undefined ? [] : [[id, accepted] as const])),
  );
}
