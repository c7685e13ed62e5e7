import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AgentStep, AppReport, ClusterReport, StepTimes } from "@axle/core/status/report.ts";
import type { ClusterStatus } from "../registry-ports.ts";

/** Timings of so many slices are kept per cluster. */
const KEPT_TIMINGS = 20;
/** What agents quote (events, admission errors) may be of any length; the status store takes a megabyte. */
const LONGEST_TEXT = 2_000;

/** The status of a cluster nothing was heard of yet. */
export const UNHEARD: ClusterStatus = {
  incarnation: 0,
  reportNumber: 0,
  heardAtMs: 0,
  online: false,
  sinceMs: 0,
  accepted: undefined,
  applied: undefined,
  refusal: "",
  apps: {},
  timings: [],
};

/** The status after one more report of the incarnation that is connected. Order and gaps have been checked. */
export function applyReport(status: ClusterStatus, report: ClusterReport): ClusterStatus {
  const apps = new Map(report.full ? [] : Object.entries(status.apps));
  for (const app of report.removed) apps.delete(app);
  for (const app of report.apps) apps.set(app.app, trimReport(app));
  const { left: _before, ...known } = status;
  const { left } = report;
  return {
    ...known,
    ...(left === undefined ? {} : { left: { order: left.order, what: shorten(left.what) } }),
    reportNumber: report.number,
    accepted: newest(status.accepted, report.slice),
    applied: report.applied ? newest(status.applied, report.slice) : status.applied,
    refusal: shorten(report.refusal),
    apps: Object.fromEntries(apps),
    timings: mergeTimings(status.timings, report.timings),
  };
}

function newest(a: SliceNumber | undefined, b: SliceNumber | undefined): SliceNumber | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareNumbers(a, b) >= 0 ? a : b;
}

/** Steps of one slice come in several reports; a step told again replaces what was told before. */
function mergeTimings(
  known: readonly StepTimes<AgentStep>[],
  told: readonly StepTimes<AgentStep>[],
): readonly StepTimes<AgentStep>[] {
  if (told.length === 0) return known;
  const byNumber = new Map<string, StepTimes<AgentStep>>();
  for (const times of [...known, ...told]) {
    const key = `${times.number.epoch}.${times.number.n}`;
    byNumber.set(key, { number: times.number, steps: { ...byNumber.get(key)?.steps, ...times.steps } });
  }
  return [...byNumber.values()].sort((a, b) => compareNumbers(b.number, a.number)).slice(0, KEPT_TIMINGS);
}

function trimReport(report: AppReport): AppReport {
  return { ...report, message: shorten(report.message), healthMessage: shorten(report.healthMessage) };
}

function shorten(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`;
}
