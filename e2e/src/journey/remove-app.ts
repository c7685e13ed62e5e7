import { eventually } from "@axle/testkit/eventually.ts";
import { deploymentPath, exists, namespacePath, read, untilGone } from "../live-objects.ts";
import { claim, preciseNowMs } from "./step.ts";
import type { JourneyStep } from "./step.ts";

export const removeApp: JourneyStep = {
  title: "An app is removed, after a person's yes",
  does: "delete the folder of mailer and push; then axle approve",
  async play(fleet, report) {
    const members = [...fleet.members.values()];
    const deployment = deploymentPath("mailer", "mailer");
    await fleet.checkout.publish({ "apps/mailer": null }, "feat!: no more mail");

    const waiting = await eventually(
      async () => {
        const deletions = await fleet.client.listPendingDeletions();
        const ours = deletions.filter(({ app }) => app === "mailer");
        return ours.length === members.length && ours;
      },
      { what: "the deletion waiting on every cluster", timeoutMs: 30_000 },
    );
    for (const { cluster } of members) claim(await exists(cluster, deployment), "nothing is deleted before the yes");
    for (const { cluster, deletion } of waiting) {
      report.observed(`${cluster}: ${deletion.objects.length} objects wait: ${deletion.reason}`);
    }
    const shown = await fleet.axle("approve", "--app", "mailer");
    claim(shown.code === 2, "without a terminal, `axle approve` wants --yes");
    report.quote(shown.stdout);

    const approved = await fleet.axle("approve", "--app", "mailer", "--yes");
    claim(approved.code === 0, `axle approve --yes works: ${approved.stderr}`);
    const approvedMs = preciseNowMs();
    await Promise.all(
      members.map(async ({ name, cluster }) => {
        await untilGone(cluster, deployment);
        const deploymentMs = preciseNowMs() - approvedMs;
        await untilGone(cluster, namespacePath("mailer"));
        const seconds = (deploymentMs / 1_000).toFixed(2);
        report.observed(
          `${name}: the Deployment is gone after ${seconds} s, its namespace too`,
          preciseNowMs() - approvedMs,
        );
      }),
    );
    const slowestMs = preciseNowMs() - approvedMs;
    for (const { cluster } of members) {
      await read(cluster, deploymentPath("shop", "web"));
      await read(cluster, deploymentPath("banner", "banner"));
    }
    report.observed("shop and banner still run everywhere");
    await eventually(async () => (await fleet.client.listApps()).every(({ name }) => name !== "mailer"), {
      what: "the hub being done with mailer",
    });
    await fleet.settled();
    report.headline(`held, approved, gone ${Math.round(slowestMs)} ms after the yes`);
  },
};
