import { eventually } from "@axle/testkit/eventually.ts";
import { configMapPath, deploymentPath, read, untilAvailable } from "../live-objects.ts";
import type { LiveConfigMap } from "../live-objects.ts";
import { formatSteps, readCommitTimes } from "./commit-times.ts";
import { ENVIRONMENTS } from "./sample.ts";
import { claim, preciseNowMs } from "./step.ts";
import type { JourneyStep } from "./step.ts";

export const deployFirst: JourneyStep = {
  title: "First deploy",
  does: "push three apps: kustomize overlays, a Helm chart, plain manifests",
  async play(fleet, report) {
    await fleet.addApps();
    const commit = await fleet.checkout.commit("feat: shop, mailer and banner");
    await fleet.checkout.push();
    const pushedMs = preciseNowMs();

    let slowestMs = 0;
    await Promise.all(
      ENVIRONMENTS.map(async ({ name, shopReplicas, mailerReplicas, domain }) => {
        const { cluster } = fleet.member(name);
        await eventually(() => read(cluster, deploymentPath("shop", "web")), {
          what: `shop on ${name}`,
          timeoutMs: 60_000,
        });
        await untilAvailable(cluster, deploymentPath("shop", "web"), { replicas: shopReplicas });
        await untilAvailable(cluster, deploymentPath("mailer", "mailer"), { replicas: mailerReplicas });
        await untilAvailable(cluster, deploymentPath("banner", "banner"), { replicas: 1 });
        const text = await read<LiveConfigMap>(cluster, configMapPath("banner", "text"));
        claim(text.data?.["message"] === `You are at ${domain}`, `the banner of ${name} has its domain put in`);
        const tookMs = preciseNowMs() - pushedMs;
        slowestMs = Math.max(slowestMs, tookMs);
        report.observed(`${name}: shop ${shopReplicas}, mailer ${mailerReplicas}, banner 1 replicas available`, tookMs);
      }),
    );
    for (const times of await readCommitTimes(fleet, commit)) {
      report.observed(`${times.cluster}: applied by the hub's clock (${formatSteps(times)})`, times.appliedMs);
    }
    await eventually(async () => (await fleet.axle("status")).code === 0, {
      what: "`axle status` saying that all is well",
      timeoutMs: 30_000,
    });
    report.observed("`axle status` exits 0: everything applied, healthy, online");
    report.headline(`${Math.round(slowestMs)} ms from push to all available`);
  },
};
