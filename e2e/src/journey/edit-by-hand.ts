import { eventually } from "@axle/testkit/eventually.ts";
import { deploymentPath } from "../live-objects.ts";
import type { LiveDeployment } from "../live-objects.ts";
import { ObjectWatch } from "../watch-object.ts";
import type { JourneyStep } from "./step.ts";

const BY_HAND = 7;
const DECLARED = 3;

export const editByHand: JourneyStep = {
  title: "A hand edit in prod is undone",
  does: `kubectl scale deployment web --replicas=${BY_HAND} in prod, where Git says ${DECLARED}`,
  async play(fleet, report) {
    const { cluster } = fleet.member("prod");
    using watch = ObjectWatch.open<LiveDeployment>(cluster, deploymentPath("shop", "web"));
    await watch.until(({ spec }) => spec.replicas === DECLARED);
    await cluster.kubectl("--namespace", "shop", "scale", "deployment/web", `--replicas=${BY_HAND}`);
    const edit = await watch.until(({ spec }) => spec.replicas === BY_HAND);
    const edited = edit.object.metadata.generation ?? 0;
    const undone = await watch.until(
      ({ spec, metadata }) => spec.replicas === DECLARED && (metadata.generation ?? 0) > edited,
    );
    const tookMs = undone.atMs - edit.atMs;
    report.observed(`prod: replicas ${BY_HAND} by hand, ${DECLARED} again`, tookMs);
    const drift = await eventually(
      async () => {
        const status = await fleet.client.getStatus({ type: "app", name: "shop" });
        const drifts = status.rows.find((row) => row.cluster === "prod")?.report?.drifts ?? [];
        return drifts.find((each) => each.action === "corrected") ?? false;
      },
      { what: "the drift in the status of shop on prod" },
    );
    report.observed(`the hub knows who it was: ${drift.manager} changed ${drift.paths.join(", ")} of ${drift.object}`);
    report.headline(`${Math.round(tookMs)} ms from the edit to its end`);
  },
};
