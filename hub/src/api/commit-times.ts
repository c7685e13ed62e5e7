import { createHash } from "node:crypto";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { AGENT_STEPS, HUB_STEPS } from "@axle/core/status/report.ts";
import type { AgentStep, StepTimes } from "@axle/core/status/report.ts";
import type { CommitRecord, PublishedSlices } from "../ports.ts";
import type { ClusterStatus } from "../registry-ports.ts";
import type { CommitSummary, Step } from "./types.ts";

/** From the commit being seen to it being applied, over the clusters it was published to. */
export function summarizeCommit(
  record: CommitRecord,
  slices: PublishedSlices,
  statusOf: (clusterId: string) => ClusterStatus,
): CommitSummary {
  const seenAtMs = record.steps["seen"] ?? 0;
  const tookMs: number[] = [];
  let clusters = 0;
  for (const [clusterId, number] of Object.entries(slices)) {
    clusters += 1;
    const appliedAtMs = appliedAt(number, statusOf(clusterId));
    if (appliedAtMs !== undefined) tookMs.push(Math.max(0, appliedAtMs - seenAtMs));
  }
  tookMs.sort((a, b) => a - b);
  return {
    commit: record.commit,
    subject: record.ref === undefined ? record.subject : `${record.subject} (${record.ref})`,
    seenAtMs,
    publishedAtMs: record.steps["published"] ?? 0,
    clusters,
    clustersApplied: tookMs.length,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    maxMs: tookMs.at(-1) ?? 0,
  };
}

/** The hub's steps for a commit, in their order. */
export function hubSteps(record: CommitRecord): readonly Step[] {
  return HUB_STEPS.flatMap((name) => {
    const atMs = record.steps[name];
    return atMs === undefined ? [] : [{ name, atMs }];
  });
}

/** An agent's steps towards a slice, in their order; empty while it has told none. */
export function agentSteps(number: SliceNumber, status: ClusterStatus): readonly Step[] {
  const times = timesFor(number, status.timings);
  if (times === undefined) return [];
  return AGENT_STEPS.flatMap((name) => {
    const atMs = times.steps[name];
    return atMs === undefined ? [] : [{ name, atMs }];
  });
}

/** Joins the spans of a commit; the same wherever it is computed. */
export function traceIdOf(repository: string, commit: string): string {
  return createHash("sha256").update(`axle-trace-v1\n${repository}\n${commit}`).digest("hex").slice(0, 32);
}

/** A slice that was overtaken by a newer one is applied when that one is. */
function appliedAt(number: SliceNumber, status: ClusterStatus): number | undefined {
  const later = status.timings.filter((times) => compareNumbers(times.number, number) >= 0);
  return later.findLast((times) => times.steps.applied !== undefined)?.steps.applied;
}

function timesFor(number: SliceNumber, timings: readonly StepTimes<AgentStep>[]): StepTimes<AgentStep> | undefined {
  return timings.find((times) => compareNumbers(times.number, number) === 0);
}

/** Nearest rank; 0 for none. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
