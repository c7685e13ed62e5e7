import type { StepView, TimelineView } from "@axle/cli/client/fleet-types.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import type { FleetStand } from "../fleet-stand.ts";

/** Hub and agent both fetch: a step is named together with who takes it. */
export interface StepTime {
  readonly who: "hub" | "agent";
  readonly name: string;
  readonly tookMs: number;
}

/** A commit's way to one cluster: names of steps with what each took, and all together from the hub's first word of it. */
export interface ClusterTimes {
  readonly cluster: string;
  readonly steps: readonly StepTime[];
  readonly appliedMs: number;
}

/** The hub's own record of a commit, once every one of these clusters has reported that it applied it. */
export async function readCommitTimes(
  fleet: FleetStand,
  commit: string,
  clusters: readonly string[] = [...fleet.members.keys()],
): Promise<readonly ClusterTimes[]> {
  const timeline = await eventually(
    async () => {
      const found = await fleet.client.getTimeline(commit);
      return clusters.every((name) => appliedAt(found, name) !== undefined) && found;
    },
    { what: `times of ${commit.slice(0, 7)} from ${clusters.join(", ")}`, timeoutMs: 20_000 },
  );
  return clusters.map((name) => timesOf(timeline, name));
}

function appliedAt(timeline: TimelineView, cluster: string): number | undefined {
  return timeline.clusters.find((each) => each.cluster === cluster)?.steps.find((step) => step.name === "applied")
    ?.atMs;
}

function timesOf(timeline: TimelineView, cluster: string): ClusterTimes {
  const own = timeline.clusters.find((each) => each.cluster === cluster)?.steps ?? [];
  const applied = own.findIndex((step) => step.name === "applied");
  const all: readonly StepView[] = [...timeline.hub, ...own.slice(0, applied + 1)];
  const steps = all.slice(1).map((step, index): StepTime => ({
    who: index + 1 < timeline.hub.length ? "hub" : "agent",
    name: step.name,
    tookMs: Math.max(0, step.atMs - (all[index]?.atMs ?? step.atMs)),
  }));
  return { cluster, steps, appliedMs: (appliedAt(timeline, cluster) ?? 0) - (all[0]?.atMs ?? 0) };
}

/** `hub fetched 31, resolved 4, …; agent rung 1, …` in milliseconds. */
export function formatSteps(times: ClusterTimes): string {
  const partOf = (who: StepTime["who"]): string =>
    `${who} ${times.steps
      .filter((step) => step.who === who)
      .map(({ name, tookMs }) => `${name} ${Math.round(tookMs)}`)
      .join(", ")}`;
  return `${partOf("hub")}; ${partOf("agent")}`;
}
