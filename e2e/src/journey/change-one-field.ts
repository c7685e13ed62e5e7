import type { FleetStand } from "../fleet-stand.ts";
import { configMapPath, deploymentPath, read } from "../live-objects.ts";
import type { LiveConfigMap } from "../live-objects.ts";
import { ObjectWatch } from "../watch-object.ts";
import { formatSteps, readCommitTimes } from "./commit-times.ts";
import { editFile, SETTINGS_FILE } from "./sample.ts";
import { claim, preciseNowMs } from "./step.ts";
import type { JourneyStep, StepReport } from "./step.ts";

export const changeOneField: JourneyStep = {
  title: "A commit changes one app",
  does: "change one field of shop and push",
  async play(fleet, report) {
    const untouched = await versionsOf(fleet, deploymentPath("mailer", "mailer"));
    await editFile(fleet, SETTINGS_FILE, { from: "GREETING: welcome", to: "GREETING: hello" });
    await fleet.checkout.commit("feat(shop): a shorter greeting");
    await pushAndWatch(fleet, report, "hello");
    const after = await versionsOf(fleet, deploymentPath("mailer", "mailer"));
    claim(JSON.stringify(after) === JSON.stringify(untouched), "no object of another app was written");
    report.observed("mailer was changed on no cluster (same generation)");
  },
};

/** Pushes what is committed and says when each cluster shows the greeting, and how the time was spent. */
export async function pushAndWatch(fleet: FleetStand, report: StepReport, greeting: string): Promise<void> {
  const path = configMapPath("shop", "settings");
  const watches = [...fleet.members.values()].map(({ name, cluster }) => ({
    name,
    watch: ObjectWatch.open<LiveConfigMap>(cluster, path),
  }));
  try {
    const commit = await fleet.checkout.head();
    await fleet.checkout.push();
    const pushedMs = preciseNowMs();
    const seen = await Promise.all(
      watches.map(async ({ name, watch }) => {
        const { atMs } = await watch.until(({ data }) => data?.["GREETING"] === greeting);
        return { name, tookMs: atMs - pushedMs };
      }),
    );
    const times = await readCommitTimes(fleet, commit);
    for (const { name, tookMs } of seen) {
      const steps = times.find(({ cluster }) => cluster === name);
      report.observed(`${name}: live on its API server (${steps === undefined ? "" : formatSteps(steps)})`, tookMs);
    }
    report.headline(
      `${seen.map(({ name, tookMs }) => `${name} ${Math.round(tookMs)}`).join(", ")} ms from push to live`,
    );
  } finally {
    for (const { watch } of watches) watch[Symbol.dispose]();
  }
}

async function versionsOf(fleet: FleetStand, path: string): Promise<string[]> {
  const objects = await Promise.all([...fleet.members.values()].map(({ cluster }) => read(cluster, path)));
  // Its own controllers write the status of a Deployment; what we apply shows in the generation.
  return objects.map(({ metadata }) => `${metadata.uid} ${metadata.generation}`);
}
